import { expect, it } from "vitest";
import { Wakeup } from "../../src/base/wakeup.js";

it("wakes the waiter, or keeps one wake for the next", async () => {
  const wakeup = new Wakeup();
  let woken = 0;
  const wait = (): Promise<void> =>
    wakeup.wait().then(() => {
      woken += 1;
    });
  const first = wait();
  await Promise.resolve();
  expect(woken).toBe(0);
  wakeup.wake();
  await first;
  wakeup.wake();
  wakeup.wake();
  await wait();
  const last = wait();
  await Promise.resolve();
  expect(woken, "two wakes that nobody waited for are one").toBe(2);
  wakeup.wake();
  await last;
  expect(woken).toBe(3);
});
