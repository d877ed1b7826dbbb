package example;

import com.google.protobuf.InvalidProtocolBufferException;
import gibbs.v1.PayloadOuterClass.Payload;
import gibbs.v1.Worker.Failure;
import gibbs.v1.Worker.Job;
import gibbs.v1.Worker.Result;
import io.grpc.StatusException;

/**
 * The code behind the hub. It may block, and is interrupted when its answer is no longer wanted.
 * Anything it throws fails the request as HANDLER_ERROR, except a StatusException, which sets the
 * code.
 */
interface Handler {
  Payload handle(Payload input, Job job) throws Exception;

  /** Runs a job; returns its outcome. */
  default Result.Builder run(Job job) {
    Result.Builder result = Result.newBuilder().setJobId(job.getJobId());
    Payload input;
    try {
      input = Payload.parseFrom(job.getPayload());
    } catch (InvalidProtocolBufferException malformed) {
      return result.setFailure(failure(malformed).setReason("MALFORMED"));
    }
    try {
      return result.setPayload(handle(input, job).toByteString());
    } catch (Throwable thrown) {
      return result.setFailure(failure(thrown));
    }
  }

  private static Failure.Builder failure(Throwable thrown) {
    Failure.Builder failure = Failure.newBuilder().setType(thrown.getClass().getName());
    String message = String.valueOf(thrown.getMessage());
    if (thrown instanceof StatusException declared) {
      failure.setCode(declared.getStatus().getCode().value());
      message = String.valueOf(declared.getStatus().getDescription());
    }
    return failure.setMessage(message.substring(0, Math.min(message.length(), 1024)));
  }
}
