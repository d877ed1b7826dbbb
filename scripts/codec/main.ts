import { createEcmaScriptPlugin, runNodeJs } from "@bufbuild/protoplugin";
import { type CodecOptions, parseOptions } from "./options.js";
import { printCodec } from "./print.js";
import { Shapes } from "./shape.js";

/**
 * A buf plugin that generates reflection-free codecs for the messages of every request.
 * buf.gen.yaml lists them; see {@link CodecOptions}. Writes an `x_codec.ts` next to each `x_pb.ts`
 * with such a message, and rejects what it cannot generate, such as a map or a fixed64 in a hot
 * message.
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
