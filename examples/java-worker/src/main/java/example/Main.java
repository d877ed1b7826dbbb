package example;

import gibbs.v1.PayloadOuterClass.Payload;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletionException;

/** A worker that squares numbers, and serves the methods of the conformance kit. */
final class Main {
  private Main() {}

  public static void main(String[] args) {
    String hub = System.getenv().getOrDefault("GIBBS_HUB", "127.0.0.1:5019");
    Map<String, Handler> methods = new HashMap<>();
    methods.put("square", (input, job) -> square(input));
    Model.addTo(methods);
    Worker worker = new Worker(hub, methods, 4);
    Runtime.getRuntime().addShutdownHook(new Thread(worker::drain));
    try {
      worker.run();
    } catch (CompletionException refused) {
      System.err.println("the worker stopped: " + refused.getCause());
      System.exit(1);
    }
  }

  private static Payload square(Payload input) throws Exception {
    double x = Model.number(input);
    return Model.payload(Model.value(x * x));
  }
}
