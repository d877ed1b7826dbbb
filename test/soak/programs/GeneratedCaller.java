import com.google.gson.Gson;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import gibbs.v1.Hub.RequestRequest;
import gibbs.v1.HubServiceGrpc;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Calls the hub until stdin ends, with a plain gRPC client, generated from the .proto files, and
 * what docs/reliability.md says to set.
 */
final class GeneratedCaller {
  private static final long REPORT_MS = 250;

  /** After this a call without an answer is a failed one. */
  private static final long TIMEOUT_SECONDS = 60;

  private final String name = setting("SOAK_NAME");
  private final int ms = Integer.parseInt(setting("SOAK_JOB_MS"));
  private final Gson gson = new Gson();
  private final Map<String, Integer> errors = new TreeMap<>();
  private final Map<String, Integer> by = new TreeMap<>();
  private final HubServiceGrpc.HubServiceBlockingStub stub;
  private int answered;
  private int wrong;
  private volatile boolean isOver;

  private GeneratedCaller(HubServiceGrpc.HubServiceBlockingStub stub) {
    this.stub = stub;
  }

  public static void main(String[] args) throws Exception {
    String address = System.getenv("GIBBS_HUB");
    String serviceConfig = setting("SOAK_SERVICE_CONFIG");
    Map<String, ?> config = new Gson().<Map<String, ?>>fromJson(serviceConfig, Map.class);
    ManagedChannel channel =
        ManagedChannelBuilder.forTarget(address)
            .usePlaintext()
            .defaultServiceConfig(config)
            .build();
    var stub = HubServiceGrpc.newBlockingStub(channel).withWaitForReady();
    new GeneratedCaller(stub).run(Integer.parseInt(setting("SOAK_CALLERS")));
    System.exit(0);
  }

  private void run(int callers) throws InterruptedException {
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < callers; i++) {
      int index = i;
      threads.add(new Thread(() -> callUntilOver(index)));
    }
    startDaemon(this::watch);
    startDaemon(this::printRegularly);
    threads.forEach(Thread::start);
    for (Thread thread : threads) thread.join();
    print(true);
  }

  private void callUntilOver(int index) {
    for (int count = 0; !isOver; count++) ask(name + ":" + index + ":" + count);
  }

  private void ask(String id) {
    Struct job =
        Struct.newBuilder()
            .putFields("id", Value.newBuilder().setStringValue(id).build())
            .putFields("ms", Value.newBuilder().setNumberValue(ms).build())
            .build();
    Value input = Value.newBuilder().setStructValue(job).build();
    RequestRequest request = RequestRequest.newBuilder().setValue(input).build();
    try {
      var timed = stub.withDeadlineAfter(TIMEOUT_SECONDS, TimeUnit.SECONDS);
      var answer = timed.request(request).getValue().getStructValue();
      String of = answer.getFieldsOrThrow("id").getStringValue();
      answered(of.equals(id), answer.getFieldsOrThrow("by").getStringValue());
    } catch (StatusRuntimeException error) {
      failed(error.getStatus().getCode().name());
      System.err.println(id + " " + error.getStatus());
    }
  }

  private synchronized void answered(boolean isRight, String worker) {
    if (isRight) {
      answered++;
      by.merge(worker, 1, Integer::sum);
    } else {
      wrong++;
    }
  }

  private synchronized void failed(String kind) {
    errors.merge(kind, 1, Integer::sum);
  }

  private synchronized void print(boolean done) {
    Map<String, Object> report = new LinkedHashMap<>();
    report.put("answered", answered);
    report.put("wrong", wrong);
    report.put("errors", errors);
    report.put("by", by);
    report.put("done", done);
    System.out.println(gson.toJson(report));
  }

  private void watch() {
    try {
      while (System.in.read() >= 0) {}
    } catch (IOException closed) {
      // As good as its end.
    }
    isOver = true;
  }

  private void printRegularly() {
    while (!isOver) {
      print(false);
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(REPORT_MS));
    }
  }

  private static void startDaemon(Runnable body) {
    Thread thread = new Thread(body);
    thread.setDaemon(true);
    thread.start();
  }

  private static String setting(String name) {
    String value = System.getenv(name);
    if (value == null) throw new IllegalStateException(name + " is not set: start this with npm run soak");
    return value;
  }
}
