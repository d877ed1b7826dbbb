// Fails large-input: its gRPC library accepts less than its hello implies.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  channelOptions = { "grpc.max_receive_message_length": 1024 * 1024 };
})().run();
