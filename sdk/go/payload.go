package gibbs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// The largest integer up to which a double, the type on the wire, is exact.
const maxExactInteger = 1 << 53

// decodePayload returns the content of an encoded payload: nil, bool, float64, string,
// []any, map[string]any, or []byte.
func decodePayload(encoded []byte) (any, error) {
	var payload pb.Payload
	if err := proto.Unmarshal(encoded, &payload); err != nil {
		return nil, err
	}
	return payloadContent(&payload), nil
}

func payloadContent(payload *pb.Payload) any {
	switch kind := payload.GetKind().(type) {
	case *pb.Payload_Data:
		return kind.Data
	case *pb.Payload_Value:
		return kind.Value.AsInterface()
	default:
		return nil
	}
}

// newPayload returns a payload with data: bytes for a []byte, otherwise a JSON-like
// value. Other types are converted as encoding/json would.
func newPayload(data any, maxDepth int) (*pb.Payload, error) {
	if data, ok := data.([]byte); ok {
		return &pb.Payload{Kind: &pb.Payload_Data{Data: data}}, nil
	}
	value, err := toValue(data, "", maxDepth)
	if err != nil {
		return nil, err
	}
	return &pb.Payload{Kind: &pb.Payload_Value{Value: value}}, nil
}

func toValue(data any, path string, depth int) (*structpb.Value, error) {
	switch data := data.(type) {
	case nil:
		return structpb.NewNullValue(), nil
	case bool:
		return structpb.NewBoolValue(data), nil
	case string:
		if !utf8.ValidString(data) {
			return nil, notJSON("text that is not valid UTF-8", path)
		}
		return structpb.NewStringValue(data), nil
	case float64:
		if math.IsNaN(data) || math.IsInf(data, 0) {
			return nil, notJSON(fmt.Sprint(data), path)
		}
		return structpb.NewNumberValue(data), nil
	case int:
		return toNumber(int64(data), path)
	case int64:
		return toNumber(data, path)
	case json.Number:
		if integer, err := strconv.ParseInt(data.String(), 10, 64); err == nil {
			return toNumber(integer, path)
		}
		number, err := data.Float64()
		if err != nil {
			return nil, notJSON(data.String(), path)
		}
		return structpb.NewNumberValue(number), nil
	case []byte:
		return nil, notJSON("bytes inside other data", path)
	case []any:
		return toList(data, path, depth-1)
	case map[string]any:
		return toStruct(data, path, depth-1)
	default:
		return throughJSON(data, path, depth)
	}
}

func toNumber(integer int64, path string) (*structpb.Value, error) {
	if integer > maxExactInteger || integer < -maxExactInteger {
		return nil, notJSON(fmt.Sprintf("the integer %d, beyond 2^53,", integer), path)
	}
	return structpb.NewNumberValue(float64(integer)), nil
}

func toList(list []any, path string, depth int) (*structpb.Value, error) {
	if depth < 0 {
		return nil, notJSON("data nested this deeply", "")
	}
	values := make([]*structpb.Value, len(list))
	for index, item := range list {
		value, err := toValue(item, fmt.Sprintf("%s[%d]", path, index), depth)
		if err != nil {
			return nil, err
		}
		values[index] = value
	}
	return structpb.NewListValue(&structpb.ListValue{Values: values}), nil
}

func toStruct(items map[string]any, path string, depth int) (*structpb.Value, error) {
	if depth < 0 {
		return nil, notJSON("data nested this deeply", "")
	}
	fields := make(map[string]*structpb.Value, len(items))
	for key, item := range items {
		if !utf8.ValidString(key) {
			return nil, notJSON(fmt.Sprintf("the key %q, which is not valid UTF-8,", key), path)
		}
		value, err := toValue(item, path+"."+key, depth)
		if err != nil {
			return nil, err
		}
		fields[key] = value
	}
	return structpb.NewStructValue(&structpb.Struct{Fields: fields}), nil
}

func throughJSON(data any, path string, depth int) (*structpb.Value, error) {
	text, err := json.Marshal(data)
	if err != nil {
		return nil, notJSON(fmt.Sprintf("a %T (%v)", data, err), path)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var plain any
	if err := decoder.Decode(&plain); err != nil {
		return nil, notJSON(fmt.Sprintf("a %T (%v)", data, err), path)
	}
	return toValue(plain, path, depth)
}

func notJSON(what, path string) error {
	if path != "" {
		what += " at " + path
	}
	return errors.New(what + " cannot be sent: send JSON-like data or a []byte")
}

// convert turns decoded data into the type that a typed function takes. JSON-like data is
// converted as encoding/json would.
func convert[T any](data any) (T, error) {
	if typed, ok := data.(T); ok {
		return typed, nil
	}
	var typed T
	if _, isBytes := data.([]byte); isBytes {
		return typed, fmt.Errorf("bytes, where a %T is expected", typed)
	}
	if _, isBytes := any(typed).([]byte); isBytes {
		return typed, fmt.Errorf("a JSON value, where bytes are expected")
	}
	text, err := json.Marshal(data)
	if err == nil {
		err = json.Unmarshal(text, &typed)
	}
	return typed, err
}
