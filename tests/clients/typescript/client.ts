// What a client written in TypeScript does with the service, checked against its document.
import createClient from "openapi-fetch";
import type { paths } from "./library.js";

declare const process: { argv: string[] };

const client = createClient<paths>({ baseUrl: process.argv[2] ?? "" });
const tenant = { "x-tenant": 2 };

function is(found: unknown, expected: unknown): void {
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    throw new Error(`${JSON.stringify(found)} is not ${JSON.stringify(expected)}`);
  }
}

for (const name of ["Ann", "Bob", "Cid", "Dan", "Eve"]) {
  const { data, response } = await client.POST("/drafts", {
    params: { header: tenant },
    body: { name, rating: 3 },
  });
  is([response.status, data?.name, data?.rating], [201, name, 3]);
  is(response.headers.get("location"), `/drafts/${data?.id}`);
}

const names: string[] = [];
let cursor: string | null | undefined;
let last = 0;
do {
  const { data } = await client.GET("/drafts", {
    params: { header: tenant, query: { limit: 2, sort: "-name", ...(cursor ? { cursor } : {}) } },
  });
  is(data?.total, 5);
  for (const draft of data?.items ?? []) {
    names.push(draft.name);
    last = draft.id;
  }
  cursor = data?.next_cursor;
} while (cursor);
is(names, ["Eve", "Dan", "Cid", "Bob", "Ann"]);

const path = { id: last };
const read = await client.GET("/drafts/{id}", { params: { path, header: tenant } });
const etag = read.response.headers.get("etag") ?? "";
const fresh = await client.GET("/drafts/{id}", {
  params: { path, header: { ...tenant, "if-none-match": etag } },
});
is(fresh.response.status, 304);

const change = { params: { path, header: { ...tenant, "if-match": etag } }, body: { rating: null } };
const changed = await client.PATCH("/drafts/{id}", change);
is([changed.response.status, changed.data?.name, changed.data?.rating], [200, "Ann", null]);
const stale = await client.PATCH("/drafts/{id}", change);
is([stale.response.status, stale.error?.type], [412, "urn:holdfast:problem:precondition-failed"]);

// @ts-expect-error: the document says that the header is required, and so does the service.
const careless = await client.PATCH("/drafts/{id}", { params: { path }, body: { rating: 1 } });
is(careless.response.status, 428);
const wrong = await client.POST("/drafts", {
  // @ts-expect-error: the document knows each field and its type, and so does the service.
  body: { name: "Fay", rating: "high" },
});
is(wrong.response.status, 422);

const current = changed.response.headers.get("etag") ?? "";
const deleted = await client.DELETE("/drafts/{id}", {
  params: { path, header: { ...tenant, "if-match": current } },
});
is([deleted.response.status, deleted.data], [204, undefined]);
const gone = await client.GET("/drafts/{id}", { params: { path, header: tenant } });
is([gone.response.status, gone.error?.status], [404, 404]);
