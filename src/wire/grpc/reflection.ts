import {
  createRegistry,
  type DescFile,
  type DescService,
  type Registry,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { ServerReflectionRequest } from "../../gen/grpc/reflection/v1/reflection_pb.js";

export {
  ServerReflection as ReflectionService,
  type ServerReflectionRequest,
} from "../../gen/grpc/reflection/v1/reflection_pb.js";
export { ServerReflection as ReflectionServiceV1Alpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.js";

/** The response to one reflection query, in the shape that v1 and v1alpha share. */
export type Reflected =
  | { case: "listServicesResponse"; value: { service: { name: string }[] } }
  | { case: "fileDescriptorResponse"; value: { fileDescriptorProto: Uint8Array[] } }
  | { case: "allExtensionNumbersResponse"; value: { baseTypeName: string } }
  | { case: "errorResponse"; value: { errorCode: number; errorMessage: string } };

// google.rpc.Code
const NOT_FOUND = 5;
const UNIMPLEMENTED = 12;

/** Answers server reflection queries from the descriptors of `services`. */
export class Descriptors {
  readonly #services: readonly DescService[];
  readonly #files = new Map<string, DescFile>();
  readonly #types: Registry;

  constructor(services: readonly DescService[]) {
    this.#services = services;
    for (const { file } of services) this.#add(file);
    this.#types = createRegistry(...this.#files.values());
  }

  answer({ messageRequest: question }: Pick<ServerReflectionRequest, "messageRequest">): Reflected {
    switch (question.case) {
      case "listServices": {
        const service = this.#services.map(({ typeName }) => ({ name: typeName }));
        return { case: "listServicesResponse", value: { service } };
      }
      case "fileByFilename":
        return fileOr(this.#files.get(question.value), question.value);
      case "fileContainingSymbol":
        return fileOr(this.#fileOf(question.value), question.value);
      case "allExtensionNumbersOfType":
        return { case: "allExtensionNumbersResponse", value: { baseTypeName: question.value } };
      case "fileContainingExtension":
        return notFound(`extension ${question.value.extensionNumber}`);
      case undefined:
        return {
          case: "errorResponse",
          value: {
            errorCode: UNIMPLEMENTED,
            errorMessage: "unknown reflection request",
          },
        };
    }
  }

  #add(file: DescFile): void {
    const name = file.proto.name;
    if (this.#files.has(name)) return;
    this.#files.set(name, file);
    for (const dependency of file.dependencies) this.#add(dependency);
  }

  /** The file of a type, or of the type that contains a method or field. */
  #fileOf(symbol: string): DescFile | undefined {
    const found = this.#types.get(symbol) ?? this.#types.get(symbol.replace(/\.[^.]*$/, ""));
    return found?.kind === "extension" ? undefined : found?.file;
  }
}

/** A file, followed by everything it imports. */
function fileOr(file: DescFile | undefined, asked: string): Reflected {
  if (file === undefined) return notFound(asked);
  const files = new Set<DescFile>();
  const add = (next: DescFile): void => {
    for (const dependency of next.dependencies) add(dependency);
    files.add(next);
  };
  add(file);
  const fileDescriptorProto = [...files]
    .reverse()
    .map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

function notFound(what: string): Reflected {
  const value = { errorCode: NOT_FOUND, errorMessage: `${what} is not served here` };
  return { case: "errorResponse", value };
}
