/** The fields of `google.protobuf.Value`. */
export const VALUE = { NULL: 1, NUMBER: 2, STRING: 3, BOOL: 4, STRUCT: 5, LIST: 6 } as const;

/** The field of `google.protobuf.ListValue`. */
export const LIST = { ITEM: 1 } as const;

/** The field of `google.protobuf.Struct`, and those of its entries. */
export const STRUCT = { ENTRY: 1, KEY: 1, VALUE: 2 } as const;
