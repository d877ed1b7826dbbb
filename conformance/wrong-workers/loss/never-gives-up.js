// Fails fatal-status-stops: it dials again whatever the status.
import { Metadata } from "@grpc/grpc-js";
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  afterwards(status) {
    super.afterwards({ ...status, code: 14, metadata: new Metadata() });
  }
})().run();
