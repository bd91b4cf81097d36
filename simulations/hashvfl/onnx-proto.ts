import protobuf from "protobufjs/light.js";
import { packFloats } from "../../protocol/index.ts";

/** The part of onnx.proto3 (ONNX specification, IR version 8) that a bottom model needs; field numbers are the specification's. */
const { Root } = protobuf;
const root = Root.fromJSON({
  nested: {
    onnx: {
      nested: {
        ModelProto: {
          fields: {
            irVersion: { type: "int64", id: 1 },
            producerName: { type: "string", id: 2 },
            graph: { type: "GraphProto", id: 7 },
            opsetImport: { rule: "repeated", type: "OperatorSetIdProto", id: 8 },
          },
        },
        OperatorSetIdProto: { fields: { domain: { type: "string", id: 1 }, version: { type: "int64", id: 2 } } },
        GraphProto: {
          fields: {
            node: { rule: "repeated", type: "NodeProto", id: 1 },
            name: { type: "string", id: 2 },
            initializer: { rule: "repeated", type: "TensorProto", id: 5 },
            input: { rule: "repeated", type: "ValueInfoProto", id: 11 },
            output: { rule: "repeated", type: "ValueInfoProto", id: 12 },
          },
        },
        NodeProto: {
          fields: {
            input: { rule: "repeated", type: "string", id: 1 },
            output: { rule: "repeated", type: "string", id: 2 },
            name: { type: "string", id: 3 },
            opType: { type: "string", id: 4 },
            attribute: { rule: "repeated", type: "AttributeProto", id: 5 },
          },
        },
        AttributeProto: {
          fields: { name: { type: "string", id: 1 }, f: { type: "float", id: 2 }, type: { type: "int32", id: 20 } },
        },
        TensorProto: {
          fields: {
            dims: { rule: "repeated", type: "int64", id: 1 },
            dataType: { type: "int32", id: 2 },
            name: { type: "string", id: 8 },
            rawData: { type: "bytes", id: 9 },
          },
        },
        ValueInfoProto: { fields: { name: { type: "string", id: 1 }, type: { type: "TypeProto", id: 2 } } },
        TypeProto: { fields: { tensorType: { type: "TensorTypeProto", id: 1 } } },
        TensorTypeProto: {
          fields: { elemType: { type: "int32", id: 1 }, shape: { type: "TensorShapeProto", id: 2 } },
        },
        TensorShapeProto: { fields: { dim: { rule: "repeated", type: "Dimension", id: 1 } } },
        Dimension: {
          oneofs: { value: { oneof: ["dimValue", "dimParam"] } },
          fields: { dimValue: { type: "int64", id: 1 }, dimParam: { type: "string", id: 2 } },
        },
      },
    },
  },
});
const modelProto = root.lookupType("onnx.ModelProto");

/** TensorProto.DataType.FLOAT. */
const FLOAT = 1;
/** AttributeProto.AttributeType.FLOAT. */
const FLOAT_ATTRIBUTE = 1;
const IR_VERSION = 8;
const OPSET_VERSION = 17;

export interface OnnxTensor {
  readonly name: string;
  /** Empty for a scalar. */
  readonly shape: readonly number[];
  /** Row-major. */
  readonly values: Float32Array;
}

export interface OnnxNode {
  /** Operator of the default domain. */
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes?: Readonly<Record<string, number>>;
}

/** A float32 matrix that goes in or out, shape [rows, columns] for any number of rows. */
export interface OnnxMatrix {
  readonly name: string;
  readonly columns: number;
}

export interface OnnxGraph {
  readonly name: string;
  readonly input: OnnxMatrix;
  readonly output: OnnxMatrix;
  /** In an order in which they can be computed. */
  readonly nodes: readonly OnnxNode[];
  readonly tensors: readonly OnnxTensor[];
}

/** @returns The bytes of an ONNX file, opset 17. The graph is not checked. */
export function encodeOnnx({ name, input, output, nodes, tensors }: OnnxGraph): Uint8Array {
  return modelProto
    .encode({
      irVersion: IR_VERSION,
      producerName: "sotto",
      opsetImport: [{ domain: "", version: OPSET_VERSION }],
      graph: {
        name,
        node: nodes.map(({ operator, inputs, output: made, attributes = {} }) => ({
          opType: operator,
          name: made,
          input: inputs,
          output: [made],
          attribute: Object.entries(attributes).map(([key, f]) => ({ name: key, f, type: FLOAT_ATTRIBUTE })),
        })),
        initializer: tensors.map(({ name: key, shape, values }) => ({
          name: key,
          dims: shape,
          dataType: FLOAT,
          rawData: packFloats(values),
        })),
        input: [valueInfo(input)],
        output: [valueInfo(output)],
      },
    })
    .finish();
}

function valueInfo({ name, columns }: OnnxMatrix): object {
  return {
    name,
    type: { tensorType: { elemType: FLOAT, shape: { dim: [{ dimParam: "rows" }, { dimValue: columns }] } } },
  };
}
