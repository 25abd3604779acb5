// Validates Kubernetes manifests: node validate.js FILE... Prints one line per fault.
//
// Values are judged by the published schemas (the packages' validators). Those accept unknown members, so each manifest is
// also written as a literal of the published type, in which the TypeScript compiler accepts no member that it does not have.
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";

const MODULES = {
  v1: "kubernetes-models/v1",
  "apps/v1": "kubernetes-models/apps/v1",
  "networking.k8s.io/v1": "kubernetes-models/networking.k8s.io/v1",
  "monitoring.coreos.com/v1": "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1",
};

const faults = [];
const manifests = process.argv.slice(2).flatMap((file) =>
  parseAllDocuments(readFileSync(file, "utf8")).map((document) => ({ file, manifest: document.toJS() })),
);
const literals = [];
for (const { file, manifest } of manifests) {
  const { apiVersion, kind, metadata } = manifest;
  const where = `${file}: ${kind} ${metadata?.name}`;
  const module = MODULES[apiVersion];
  const Kind = module && (await import(module))[kind];
  if (!Kind) {
    faults.push(`${where}: no schema of ${apiVersion}`);
    continue;
  }
  try {
    new Kind(manifest).validate();
  } catch (error) {
    faults.push(`${where}: ${error.message}`);
  }
  const name = `${kind}${literals.length}`;
  // The types leave out what the class already says.
  const { apiVersion: _version, kind: _kind, ...literal } = manifest;
  literals.push(
    `// ${where}\nimport { ${kind} as ${name} } from "${module}";\n` +
      `export const of${name}: NonNullable<ConstructorParameters<typeof ${name}>[0]> = ${JSON.stringify(literal, null, 1)};\n`,
  );
}

const source = fileURLToPath(new URL("manifests.ts", import.meta.url));
writeFileSync(source, literals.join(""));
try {
  const compiler = fileURLToPath(new URL("node_modules/typescript/bin/tsc", import.meta.url));
  const options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2022"];
  execFileSync(process.execPath, [compiler, ...options, source], { encoding: "utf8" });
} catch (error) {
  faults.push(error.stdout || String(error));
} finally {
  rmSync(source, { force: true });
}
for (const fault of faults) console.log(fault);
console.log(`${manifests.length} manifests, ${faults.length} faults`);
process.exit(faults.length || !manifests.length ? 1 : 0);
