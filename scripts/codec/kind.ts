import { type DescField, ScalarType } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";

/** How the values of a scalar or an enum are encoded. */
export interface Kind {
  wireType: WireType;
  /** The name of the method of ByteReader and ByteWriter. */
  method: "uint32" | "int32" | "bool" | "double" | "string" | "bytes";
  /** The default value, which is not written for a field without presence. */
  zero: string;
  /** The condition under which such a field is written. */
  isSet(value: string): string;
  /**
   * The approximate number of bytes including the tag, without the content of strings and bytes.
   */
  size: number;
}

const notZero = (value: string): string => `${value} !== 0`;
const notEmpty = (value: string): string => `${value}.length > 0`;

const kinds: Readonly<Partial<Record<ScalarType, Kind>>> = {
  [ScalarType.UINT32]: {
    wireType: WireType.Varint,
    method: "uint32",
    zero: "0",
    isSet: notZero,
    size: 3,
  },
  [ScalarType.INT32]: {
    wireType: WireType.Varint,
    method: "int32",
    zero: "0",
    isSet: notZero,
    size: 3,
  },
  [ScalarType.BOOL]: {
    wireType: WireType.Varint,
    method: "bool",
    zero: "false",
    isSet: (value) => value,
    size: 2,
  },
  // Negative zero is written.
  [ScalarType.DOUBLE]: {
    wireType: WireType.Bit64,
    method: "double",
    zero: "0",
    isSet: (value) => `!Object.is(${value}, 0)`,
    size: 9,
  },
  [ScalarType.STRING]: {
    wireType: WireType.LengthDelimited,
    method: "string",
    zero: '""',
    isSet: notEmpty,
    size: 2,
  },
  [ScalarType.BYTES]: {
    wireType: WireType.LengthDelimited,
    method: "bytes",
    zero: "NO_BYTES",
    isSet: notEmpty,
    size: 2,
  },
};

/**
 * The kind of a scalar or enum field, or of its list items; undefined for messages.
 *
 * @throws Error for a type that hot messages do not support.
 */
export function kindOf(field: DescField): Kind | undefined {
  if (field.fieldKind === "map") throw unsupported(field, "a map");
  if (field.message !== undefined) return undefined;
  const scalar = field.enum === undefined ? field.scalar : ScalarType.INT32;
  const kind = scalar === undefined ? undefined : kinds[scalar];
  if (kind === undefined) throw unsupported(field, ScalarType[scalar ?? 0] ?? "its type");
  if (field.fieldKind === "list" && kind.wireType !== WireType.LengthDelimited) {
    throw unsupported(field, "a packed list");
  }
  return kind;
}

function unsupported(field: DescField, what: string): Error {
  return new Error(`${field}: ${what} is not supported in a hot message`);
}
