import { onInputOutput } from "./input-output.js";

onInputOutput((what) => {
  throw new Error(`a unit test ${what}: take its file out of \`unit\` in vitest.config.ts`);
});
