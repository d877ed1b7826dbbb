import { describe, expect, it } from "vitest";
import { GibbsError } from "../../src/base/errors/error.js";
import { clip, DETAILS_KEY, fromStatus, toStatus } from "../../src/wire/grpc/status.js";

function roundTrip(error: GibbsError): GibbsError {
  const { code, details, metadata } = toStatus(error);
  return fromStatus(code, details, metadata.get(DETAILS_KEY)[0]);
}

describe("status", () => {
  it("carries everything that an error says", () => {
    const error = new GibbsError("ABORTED", "the worker was lost", {
      reason: "WORKER_LOST",
      requestId: "r1",
      attempts: 2,
      execution: "UNKNOWN",
      remoteType: "RangeError",
      remoteStack: "RangeError: no\n    at f",
      retryAfterMs: 250,
      workerId: "w1",
      queueTimeMs: 1.5,
      runTimeMs: 2000,
      details: [{ typeUrl: "type.googleapis.com/my.Reason", value: new Uint8Array([1, 2]) }],
    });
    const { stack: _, ...told } = roundTrip(error);
    expect(told).toEqual({ ...error });
  });

  it("stops retry policies unless nothing ran, and says when to retry", () => {
    const pushback = (error: GibbsError, retries?: number) =>
      toStatus(error, retries).metadata.get("grpc-retry-pushback-ms");
    expect(pushback(new GibbsError("ABORTED", ""))).toEqual(["-1"]);
    expect(pushback(new GibbsError("UNKNOWN", "", { execution: "FINISHED" }))).toEqual(["-1"]);
    expect(pushback(new GibbsError("INVALID_ARGUMENT", "", { execution: "NOT_STARTED" }))).toEqual(
      [],
    );
    const later = new GibbsError("UNAVAILABLE", "", {
      execution: "NOT_STARTED",
      retryAfterMs: 20.5,
    });
    expect(pushback(later)).toEqual(["21"]);
    expect([1, 2, 3, 4, 5, 1e9].flatMap((retries) => pushback(later, retries))).toEqual(
      [41, 82, 164, 328, 328, 328].map(String),
    );
    expect(pushback(new GibbsError("ABORTED", ""), 3)).toEqual(["-1"]);
    const declared = { reason: "DECLARED", execution: "FINISHED" } as const;
    expect(pushback(new GibbsError("UNAVAILABLE", "", declared))).toEqual([]);
  });

  it("accepts any status, even one with malformed details", () => {
    expect(fromStatus(14, "gone", undefined)).toMatchObject({ code: "UNAVAILABLE", reason: "" });
    expect(fromStatus(14, "gone", new Uint8Array([255]))).toMatchObject({ code: "UNAVAILABLE" });
    expect(fromStatus(99, "?", undefined)).toMatchObject({ code: "UNKNOWN", execution: "UNKNOWN" });
  });

  it("carries the details that fit, and always the hub's own", () => {
    const detail = (bytes: number) => ({ typeUrl: "t", value: new Uint8Array(bytes) });
    const error = new GibbsError("ABORTED", "", {
      reason: "WORKER_LOST",
      requestId: "r".repeat(256),
      queueTimeMs: 1,
      runTimeMs: 1,
      details: [detail(5000), detail(2000), detail(2000), detail(100)],
    });
    const told = roundTrip(error);
    expect(told.details.map(({ value }) => value.length)).toEqual([2000, 100]);
    expect(told).toMatchObject({ reason: "WORKER_LOST", queueTimeMs: 1 });
  });

  it("keeps messages small and well-formed", () => {
    const { details } = toStatus(new GibbsError("UNKNOWN", `\ud800${"ä".repeat(5000)}`));
    expect(Buffer.byteLength(details)).toBeLessThanOrEqual(1024);
    expect(details.isWellFormed()).toBe(true);
    expect(clip("é€😀", 7)).toBe("é…");
    expect(clip("short", 5)).toBe("short");
  });
});
