import { createEcmaScriptPlugin, runNodeJs } from "@bufbuild/protoplugin";
import { type CodecOptions, parseOptions } from "./options.js";
import { printCodec } from "./print.js";
import { Shapes } from "./shape.js";

/**
 * A plugin for buf that generates codecs without reflection for the messages that
 * every request causes. buf.gen.yaml lists them; see {@link CodecOptions}. Beside each
 * `x_pb.ts` with such a message it puts an `x_codec.ts`. What it cannot generate, such
 * as a map or a fixed64 in a hot message, it refuses.
 */
const plugin = createEcmaScriptPlugin<CodecOptions>({
  name: "protoc-gen-codec",
  version: "v1",
  parseOptions,
  generateTs(schema) {
    const shapes = new Shapes(schema.allFiles, schema.options);
    for (const file of shapes.files) {
      const output = schema.generateFile(`${file.name}_codec.ts`);
      printCodec(output, file, shapes);
    }
  },
});

runNodeJs(plugin);
