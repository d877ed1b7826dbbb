package gibbs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// tunnelDialer returns a dialer for gRPC that reaches hubs through an HTTP proxy. It gives
// up a while before search ends, so that there is time left to say why.
//
// gRPC could do it, but would look at https_proxy only.
func tunnelDialer(search context.Context, proxy *url.URL) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, hub string) (net.Conn, error) {
		if end, ok := search.Deadline(); ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, end.Add(-time.Until(end)/4))
			defer cancel()
		}
		return openTunnel(ctx, proxy, hub)
	}
}

// openTunnel connects to a hub, host:port, through an HTTP proxy, which resolves the name.
// If ctx ends before the proxy has agreed, it fails, and the socket is closed; once it has
// returned a connection, ctx no longer matters.
func openTunnel(ctx context.Context, proxy *url.URL, hub string) (net.Conn, error) {
	port := proxy.Port()
	if port == "" {
		port = "80"
	}
	var dialer net.Dialer
	socket, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(proxy.Hostname(), port))
	if err != nil {
		return nil, fmt.Errorf("the proxy cannot be reached: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { socket.Close() })
	tunnel, err := askForTunnel(socket, proxy.User, hub)
	if !stop() {
		err = fmt.Errorf("the proxy did not answer in time: %w", ctx.Err())
	}
	if err != nil {
		socket.Close()
		return nil, err
	}
	return tunnel, nil
}

// askForTunnel asks the proxy at the other end of a socket to connect it to the hub. The
// connection that it returns begins with the hub's first byte.
func askForTunnel(socket net.Conn, user *url.Userinfo, hub string) (net.Conn, error) {
	request := &http.Request{
		Method: http.MethodConnect,
		URL:    &url.URL{Host: hub},
		Header: http.Header{"User-Agent": {"gibbs-go/" + version}},
	}
	if user != nil {
		password, _ := user.Password()
		credentials := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
		request.Header.Set("Proxy-Authorization", "Basic "+credentials)
	}
	if err := request.Write(socket); err != nil {
		return nil, fmt.Errorf("the proxy could not be asked: %w", err)
	}
	limited := &io.LimitedReader{R: socket, N: maxProxyAnswerBytes}
	reader := bufio.NewReader(limited)
	for {
		// The body stays unread: after a 200 it is the hub's, otherwise no one wants it.
		answer, err := http.ReadResponse(reader, request)
		switch {
		case err != nil && limited.N == 0:
			return nil, fmt.Errorf("the proxy's answer has more than %d bytes", maxProxyAnswerBytes)
		case err != nil:
			return nil, whyNoAnswer(err)
		case answer.StatusCode == http.StatusOK:
			early, _ := reader.Peek(reader.Buffered())
			return withEarlyBytes(socket, early), nil
		case answer.StatusCode >= 200 || answer.StatusCode == http.StatusSwitchingProtocols:
			return nil, fmt.Errorf("the proxy answered %.200s", answer.Status)
		}
	}
}

// whyNoAnswer explains an error of [http.ReadResponse].
func whyNoAnswer(err error) error {
	var broken net.Error
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &broken) {
		return fmt.Errorf("the proxy closed the connection without a complete answer: %w", err)
	}
	return fmt.Errorf("the proxy's answer is not HTTP: %.200s", err.Error())
}

// earlyConn is a connection of which some bytes were read too early.
type earlyConn struct {
	net.Conn
	reader io.Reader
}

// withEarlyBytes returns a connection that reads early before what follows on the socket.
func withEarlyBytes(socket net.Conn, early []byte) net.Conn {
	if len(early) == 0 {
		return socket
	}
	return &earlyConn{socket, io.MultiReader(bytes.NewReader(early), socket)}
}

func (c *earlyConn) Read(buffer []byte) (int, error) {
	return c.reader.Read(buffer)
}
