// usage: node_client.mjs PACKAGE
//
// A long-running client: for each line on standard input it lists the namespaces once and prints "ok", or
// "error" and why. The first call creates the client object; if that failed, the next call does.

import { createInterface } from "node:readline";

const TIMEOUT_MS = 60_000;

async function official(name) {
  const library = await import(name);
  const config = new library.KubeConfig();
  config.loadFromDefault();
  const api = config.makeApiClient(library.CoreV1Api);
  return () => api.listNamespace();
}

async function godaddy(name) {
  const { default: library } = await import(name);
  const client = new library.Client1_13({ version: "1.13" });
  return () => client.api.v1.namespaces.get();
}

function timeLimit() {
  return new Promise((_, reject) => setTimeout(() => reject(new Error("no answer")), TIMEOUT_MS).unref());
}

const name = process.argv[2];
const connect = name === "kubernetes-client" ? godaddy : official;
let call;
for await (const _ of createInterface({ input: process.stdin })) {
  try {
    call ??= await connect(name);
    await Promise.race([call(), timeLimit()]);
    console.log("ok");
  } catch (error) {
    console.log("error", String(error.message ?? error).replace(/\s+/g, " ").slice(0, 200));
  }
}
process.exit();
