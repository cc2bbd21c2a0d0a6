import { createHash } from 'node:crypto';
import { stripTypeScriptTypes } from 'node:module';

/**
 * Jest loads modules through its own linker, which Node's type stripping does not reach. This applies the very
 * same function, so that what is tested is what runs.
 */
export default {
  process: (source) => ({ code: stripTypeScriptTypes(source) }),
  getCacheKey: (source) => createHash('sha1').update(process.version).update(source).digest('hex'),
};
