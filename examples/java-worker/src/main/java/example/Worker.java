package example;

import static io.grpc.Status.Code.*;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.ErrorInfo;
import gibbs.v1.Worker.*;
import gibbs.v1.WorkerServiceGrpc;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.StreamObserver;
import java.security.SecureRandom;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** A worker: successive streams to the hub, and a thread for each job. */
final class Worker {
  /** A job's thread, and the timer that interrupts it. */
  private record Running(Thread thread, Future<?> limit) {}

  private static final int MAX_PAYLOAD = 4 << 20;
  private static final int MAX_MESSAGE = MAX_PAYLOAD + (256 << 10);
  private static final Set<Status.Code> FINAL = EnumSet.of(
      UNAUTHENTICATED, PERMISSION_DENIED, INVALID_ARGUMENT, FAILED_PRECONDITION, UNIMPLEMENTED);

  private final String hub;
  private final Map<String, Handler> methods;
  private final Hello hello;
  private final CompletableFuture<Void> stopped = new CompletableFuture<>();
  // All fields below belong to its single thread.
  private final ScheduledThreadPoolExecutor loop = new ScheduledThreadPoolExecutor(1);
  private int free; // Slots without a handler. A lost stream's handler keeps its slot.
  private double pauseMs = 100;
  private long awaySince = nowMs(), tickedAt = nowMs(), stopAt = Long.MAX_VALUE;
  // The state of the stream with this number.
  private int stream;
  private ManagedChannel channel;
  private StreamObserver<WorkRequest> outbox;
  private Welcome welcome;
  private int credit; // Credit that the hub has not used yet.
  private boolean draining;
  private HubDrain next;
  private long heardAt;
  private final Map<Integer, Running> jobs = new HashMap<>();

  Worker(String hub, Map<String, Handler> methods, int slots) {
    this.hub = hub;
    this.methods = methods;
    this.free = slots;
    Hello.Builder hello = Hello.newBuilder().setMaxReceiveBytes(MAX_MESSAGE);
    hello.setWorkerId("java-" + ProcessHandle.current().pid()).setSdk("gibbs-java-example/0.1.0");
    hello.setInstanceId(ByteString.copyFrom(SecureRandom.getSeed(16)));
    hello.setHeartbeatMode(HeartbeatMode.HEARTBEAT_MODE_ALWAYS);
    methods.keySet().forEach(name -> hello.addMethods(Method.newBuilder().setName(name)));
    this.hello = hello.build();
    loop.setRemoveOnCancelPolicy(true);
    loop.setRejectedExecutionHandler(new ThreadPoolExecutor.DiscardPolicy());
  }

  /** Serves until it has drained; throws if the hub refuses the worker permanently. */
  void run() {
    inLoop(this::dial);
    loop.scheduleWithFixedDelay(() -> inLoop(this::tick), 20, 20, TimeUnit.MILLISECONDS);
    stopped.whenComplete((ok, error) -> loop.shutdownNow()).join();
  }

  /** Stops taking jobs, and waits until the running ones have ended. */
  void drain() {
    inLoop(this::startDrain);
    stopped.exceptionally(error -> null).join();
  }

  private void inLoop(Runnable task) {
    loop.execute(() -> {
      try {
        task.run();
      } catch (RuntimeException bug) {
        stopped.completeExceptionally(bug);
      }
    });
  }

  private void startDrain() {
    if (welcome == null) stopped.complete(null);
    stopAt = nowMs() + 30_000;
    draining = true;
    send(WorkerEvent.newBuilder().setDrain(WorkerDrain.newBuilder().setReason("SIGTERM")));
  }

  private void dial() {
    int mine = ++stream;
    credit = 0;
    draining = false;
    next = null;
    heardAt = nowMs();
    channel = Grpc.newChannelBuilder(hub, InsecureChannelCredentials.create())
        .maxInboundMessageSize(MAX_MESSAGE).keepAliveTime(30, TimeUnit.SECONDS).build();
    outbox = WorkerServiceGrpc.newStub(channel).work(new StreamObserver<>() {
      @Override public void onNext(WorkResponse message) { inLoop(() -> receive(mine, message)); }
      @Override public void onError(Throwable error) { inLoop(() -> ended(mine, error)); }
      @Override public void onCompleted() { inLoop(() -> ended(mine, null)); }
    });
    send(WorkerEvent.newBuilder().setHello(hello));
    offer();
  }

  /** Called when the stream has ended. Running jobs are interrupted, and their outcomes dropped. */
  private void ended(int ofStream, Throwable error) {
    if (ofStream != stream || outbox == null) return;
    outbox = null;
    channel.shutdownNow();
    jobs.values().forEach(this::interrupt);
    jobs.clear();
    if (welcome != null) {
      pauseMs = 100;
      awaySince = nowMs();
    }
    welcome = null;
    if (error != null && isFinal(error)) stopped.completeExceptionally(error);
    if (stopAt < Long.MAX_VALUE || (next != null && next.getExit())) stopped.complete(null);
    if (stopped.isDone()) return;
    System.err.println("no connection: " + (error == null ? "the hub ended the stream" : error));
    double drawn = ThreadLocalRandom.current().nextDouble(100, 3 * pauseMs);
    pauseMs = Math.min(drawn, nowMs() - awaySince > 30_000 ? 5_000 : 1_000);
    long pause = Math.max((long) pauseMs, next == null ? 0 : next.getReconnectAfterMs());
    loop.schedule(() -> inLoop(this::dial), pause, TimeUnit.MILLISECONDS);
  }

  /** Disconnects from a silent hub, and ends a drain that takes too long. */
  private void tick() {
    long now = nowMs();
    // Time during which this process was suspended is not the hub's silence.
    if (now - tickedAt > 1_000) heardAt += now - tickedAt;
    tickedAt = now;
    long patience = welcome == null ? 20_000 : Integer.toUnsignedLong(welcome.getHubTimeoutMs());
    Status silent = Status.UNAVAILABLE.withDescription("the hub was silent");
    if (now - heardAt > patience) ended(stream, silent.asException());
    if (now > stopAt) stopped.complete(null);
  }

  private void receive(int ofStream, WorkResponse message) {
    if (ofStream != stream) return;
    heardAt = nowMs();
    for (HubEvent event : message.getEventsList()) {
      switch (event.getEventCase()) {
        case WELCOME -> welcome = event.getWelcome();
        case HEARTBEAT -> beat(0);
        case JOB -> take(event.getJob());
        case CANCEL -> interrupt(jobs.get(event.getCancel().getJobId()));
        case DRAIN -> {
          draining = true;
          next = event.getDrain();
        }
        default -> {} // From a later version.
      }
    }
  }

  private void take(Job job) {
    credit = Math.max(0, credit - 1);
    Handler handler = methods.get(job.getMethod());
    if (draining || free == 0 || handler == null || welcome == null) {
      Nack.Builder nack = Nack.newBuilder().setExecution(Execution.EXECUTION_NOT_STARTED);
      send(WorkerEvent.newBuilder().setNack(nack.setJobId(job.getJobId())));
      offer();
      return;
    }
    free--;
    int mine = stream;
    Thread thread = new Thread(() -> {
      Result.Builder result = handler.run(job);
      inLoop(() -> finish(mine, result));
    });
    long ms = job.hasTimeoutMs() ? Integer.toUnsignedLong(job.getTimeoutMs()) : Long.MAX_VALUE;
    Future<?> limit = loop.schedule(thread::interrupt, ms, TimeUnit.MILLISECONDS);
    jobs.put(job.getJobId(), new Running(thread, limit));
    thread.setDaemon(true);
    thread.start();
  }

  private void finish(int ofStream, Result.Builder result) {
    free++;
    if (ofStream == stream && outbox != null) {
      jobs.remove(result.getJobId()).limit.cancel(false);
      int size = result.getPayload().size();
      int most = Math.min(MAX_PAYLOAD, welcome.getMaxPayloadBytes());
      if (size > most) {
        String message = "the answer has " + size + " bytes, more than " + most;
        result.setFailure(Failure.newBuilder().setMessage(message).setReason("RESULT_TOO_LARGE"));
      } else if (size >= 256 << 10) {
        beat(size);
      }
      send(WorkerEvent.newBuilder().setResult(result));
    }
    offer();
  }

  /** Gives credit for the free slots. */
  private void offer() {
    int more = free - credit;
    if (draining || outbox == null || more <= 0) return;
    credit += more;
    send(WorkerEvent.newBuilder().setReady(Ready.newBuilder().setSlots(more)));
  }

  private void beat(int pendingBytes) {
    Heartbeat.Builder heartbeat = Heartbeat.newBuilder().setPendingBytes(pendingBytes);
    send(WorkerEvent.newBuilder().setHeartbeat(heartbeat));
  }

  private void send(WorkerEvent.Builder event) {
    if (outbox != null) outbox.onNext(WorkRequest.newBuilder().addEvents(event).build());
  }

  private void interrupt(Running job) {
    if (job == null) return;
    job.limit.cancel(false);
    job.thread.interrupt();
  }

  private static boolean isFinal(Throwable error) {
    if (FINAL.contains(Status.fromThrowable(error).getCode())) return true;
    try {
      for (Any detail : StatusProto.fromThrowable(error).getDetailsList()) {
        if (!detail.is(ErrorInfo.class)) continue;
        if (detail.unpack(ErrorInfo.class).getReason().equals("SUPERSEDED")) return true;
      }
    } catch (InvalidProtocolBufferException malformed) {
      // The details say nothing then.
    }
    return false;
  }

  private static long nowMs() {
    return System.nanoTime() / 1_000_000;
  }
}
