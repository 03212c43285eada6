// What a client written in TypeScript does with the example, checked against its document.
import createClient from "openapi-fetch";
import type { paths } from "./airports.js";

declare const process: { argv: string[] };

const client = createClient<paths>({ baseUrl: process.argv[2] ?? "" });

function is(found: unknown, expected: unknown): void {
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    throw new Error(`${JSON.stringify(found)} is not ${JSON.stringify(expected)}`);
  }
}

const codes = ["XA", "XB", "XC", "XD", "XE"];
for (const code of codes) {
  const body = { code, name: `Island ${code}` };
  const { data, response } = await client.POST("/countries", { body });
  is([response.status, data], [201, body]);
  is(response.headers.get("location"), `/countries/${code}`);
}

const found: string[] = [];
let cursor: string | null | undefined;
do {
  const { data } = await client.GET("/countries", {
    params: { query: { q: "island x", limit: 2, sort: "-name", ...(cursor ? { cursor } : {}) } },
  });
  is(data?.total, codes.length);
  found.push(...(data?.items ?? []).map((country) => country.code));
  cursor = data?.next_cursor;
} while (cursor);
is(found, [...codes].reverse());

const path = { code: "XA" };
const read = await client.GET("/countries/{code}", { params: { path } });
const etag = read.response.headers.get("etag") ?? "";
const fresh = await client.GET("/countries/{code}", {
  params: { path, header: { "if-none-match": etag } },
});
is(fresh.response.status, 304);

const change = { params: { path, header: { "if-match": etag } }, body: { name: "Atlantis" } };
const changed = await client.PATCH("/countries/{code}", change);
is([changed.response.status, changed.data?.name], [200, "Atlantis"]);
const stale = await client.PATCH("/countries/{code}", change);
is([stale.response.status, stale.error?.type], [412, "urn:holdfast:problem:precondition-failed"]);

const wrong = await client.POST("/countries", {
  // @ts-expect-error: the document knows each field and its type, and so does the service.
  body: { code: "XF", name: 7 },
});
is(wrong.response.status, 422);

const current = changed.response.headers.get("etag") ?? "";
const deleted = await client.DELETE("/countries/{code}", {
  params: { path, header: { "if-match": current } },
});
is([deleted.response.status, deleted.data], [204, undefined]);
const gone = await client.GET("/countries/{code}", { params: { path } });
is([gone.response.status, gone.error?.status], [404, 404]);
