package example;

import com.google.protobuf.ByteString;
import com.google.protobuf.NullValue;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import gibbs.v1.PayloadOuterClass.Payload;
import gibbs.v1.Worker.Job;
import gibbs.v1.Worker.MetadataEntry;
import io.grpc.Status;
import io.grpc.StatusException;
import java.util.Base64;
import java.util.Map;

/** The methods that `gibbs conformance` calls. */
final class Model {
  private Model() {}

  static void addTo(Map<String, Handler> methods) {
    methods.put("conformance.echo", (input, job) -> input);
    methods.put("conformance.hold", (input, job) -> {
      Thread.sleep((long) number(input));
      return input;
    });
    methods.put("conformance.block", (input, job) -> {
      long until = System.nanoTime() + (long) (number(input) * 1_000_000);
      while (System.nanoTime() < until) Thread.onSpinWait();
      return input;
    });
    methods.put("conformance.fail", (input, job) -> fail(input.getValue().getStructValue()));
    methods.put("conformance.context", (input, job) -> payload(tell(job)));
    methods.put("conformance.bytes", (input, job) -> {
      ByteString bytes = ByteString.copyFrom(new byte[(int) number(input)]);
      return Payload.newBuilder().setData(bytes).build();
    });
  }

  static double number(Payload input) throws StatusException {
    if (input.getValue().hasNumberValue()) return input.getValue().getNumberValue();
    throw Status.INVALID_ARGUMENT.withDescription("the input is not a number").asException();
  }

  static Value value(double number) {
    return Value.newBuilder().setNumberValue(number).build();
  }

  static Payload payload(Value value) {
    return Payload.newBuilder().setValue(value).build();
  }

  private static Payload fail(Struct how) throws Exception {
    String message = how.getFieldsMap().getOrDefault("message", text("")).getStringValue();
    Value code = how.getFieldsMap().get("code");
    if (code == null) throw new IllegalStateException(message);
    int number = (int) code.getNumberValue();
    throw Status.fromCodeValue(number).withDescription(message).asException();
  }

  private static Value tell(Job job) {
    Struct.Builder metadata = Struct.newBuilder();
    for (MetadataEntry entry : job.getMetadataList()) {
      byte[] bytes = entry.getValue().toByteArray();
      boolean isBinary = entry.getKey().endsWith("-bin");
      String shown =
          isBinary ? Base64.getEncoder().encodeToString(bytes) : entry.getValue().toStringUtf8();
      metadata.putFields(entry.getKey(), text(shown));
    }
    Value none = Value.newBuilder().setNullValue(NullValue.NULL_VALUE).build();
    Struct.Builder told = Struct.newBuilder();
    told.putFields("attempt", value(job.getAttempt()));
    told.putFields("request_id", text(job.getRequestId()));
    told.putFields("timeout_ms", job.hasTimeoutMs() ? value(job.getTimeoutMs()) : none);
    told.putFields("metadata", Value.newBuilder().setStructValue(metadata).build());
    return Value.newBuilder().setStructValue(told).build();
  }

  private static Value text(String text) {
    return Value.newBuilder().setStringValue(text).build();
  }
}
