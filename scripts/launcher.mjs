#!/usr/bin/env node
// Starts the product, which is one script beside this file. An old Node would end with the name of a module that it
// lacks; this says what is needed, before anything is loaded.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major > OLDEST_MAJOR || (major === OLDEST_MAJOR && minor >= OLDEST_MINOR)) start(import.meta.dirname);
else {
  process.stderr.write(
    `aegis-gateway needs Node ${OLDEST_MAJOR}.${OLDEST_MINOR} or newer, found ${process.versions.node}\n`,
  );
  process.exitCode = 2;
}

function start(folder) {
  // Set before the first use of the pool: names that resolve slowly take up to half of it.
  process.env.UV_THREADPOOL_SIZE ??= '16';
  const { Script } = process.getBuiltinModule('node:vm');
  const { createRequire } = process.getBuiltinModule('node:module');
  const { readFileSync } = process.getBuiltinModule('node:fs');
  const filename = `${folder}/main.cjs`;
  const code = readFileSync(filename);
  // The build sees to it that the script is ASCII.
  const cache = compiled(folder, code);
  const script = new Script(code.toString('latin1'), { filename, cachedData: cache });
  giveBack(code);
  if (cache !== undefined) giveBack(cache);
  script.runInThisContext()(createRequire(filename));
}

/**
 * Lets go of what was read: a gateway at rest makes so little garbage that the collector may not come by for hours. The
 * bytes of a small file are a share of a pool, which stays.
 */
function giveBack(bytes) {
  if (bytes.length > Buffer.poolSize) bytes.buffer.transfer(0);
}

/**
 * The compiled form that the build left beside the script: a digest of the script, then what V8 made of it. V8 checks
 * its own version and flags, and compiles anew where they differ; of the script it checks no more than the length.
 */
function compiled(folder, code) {
  const { readFileSync } = process.getBuiltinModule('node:fs');
  const { createHash } = process.getBuiltinModule('node:crypto');
  try {
    const cache = readFileSync(`${folder}/main.cache`);
    const digest = createHash('sha256').update(code).digest();
    return digest.equals(cache.subarray(0, digest.length)) ? cache.subarray(digest.length) : undefined;
  } catch {
    return undefined;
  }
}
