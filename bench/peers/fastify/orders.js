// Orders in requests and responses: schemas that Fastify compiles into validators and serializers.

export const orderBody = {
  type: "object",
  required: ["datetime", "totalfee", "services"],
  additionalProperties: false,
  properties: {
    id: { type: "string", pattern: "^[A-Za-z0-9._~-]{1,64}$" },
    datetime: {
      type: "string",
      pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|[+-]\\d\\d:\\d\\d)$",
    },
    totalfee: { type: "number", minimum: 0, maximum: 999999999999.99 },
    services: {
      type: "array",
      minItems: 1,
      maxItems: 100,
      items: {
        type: "object",
        required: ["id"],
        properties: { id: { type: "string", pattern: "^[1-9]\\d{0,15}$" } },
      },
    },
  },
};

export const orderAnswer = {
  type: "object",
  properties: {
    id: { type: "string" },
    datetime: { type: "string" },
    totalfee: { type: "number" },
    services: {
      type: "array",
      items: { type: "object", properties: { id: { type: "string" } } },
    },
    version: { type: "integer" },
    created_at: { type: "string" },
    updated_at: { type: "string" },
  },
};

export const pageAnswer = {
  type: "object",
  properties: {
    data: { type: "array", items: orderAnswer },
    next_cursor: { type: ["string", "null"] },
  },
};

export const refusalAnswer = {
  type: "object",
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    conflicts: {
      type: "array",
      items: {
        type: "object",
        properties: {
          order_id: { type: "string" },
          datetime: { type: "string" },
          gap_ms: { type: "integer" },
        },
      },
    },
  },
};

/** The response for a row of the table. */
export function showOrder(row) {
  return {
    id: row.id,
    datetime: new Date(row.datetime_ms).toISOString(),
    totalfee: row.total_fee / 100,
    services: JSON.parse(row.services).map((id) => ({ id: String(id) })),
    version: row.version,
    created_at: new Date(row.created_at_ms).toISOString(),
    updated_at: new Date(row.updated_at_ms).toISOString(),
  };
}
