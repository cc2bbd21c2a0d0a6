/** What this needs of PostGraphile's introspection; the rest passes through. */
interface Catalogue {
  namespaces: { _id: string; nspname: string }[];
  classes: { _id: string; relnamespace: string }[];
  attributes: { attrelid: string; attnum: number }[];
  constraints: { _id: string; connamespace: string; contype: string }[];
  procs: { _id: string; pronamespace: string }[];
  descriptions: { objoid: string; classoid: string; objsubid: number | null; description: string | null }[];
  catalog_by_oid: Record<string, string>;
}

/**
 * Hides what somebody made by hand in a workspace's schema: tables, columns, keys and functions that
 * bear no identity of the engine's. One schema serves all workspaces of a shape, and the others do not have them.
 */
export function hideUnmanaged(introspection: string, schemaName: string): string {
  const catalogue = JSON.parse(introspection) as Catalogue;
  const namespace = catalogue.namespaces.find(({ nspname }) => nspname === schemaName)?._id;
  const oidOf = (name: string) => Object.entries(catalogue.catalog_by_oid).find(([, value]) => value === name)?.[0];
  const [classOid, constraintOid, procOid] = [oidOf('pg_class'), oidOf('pg_constraint'), oidOf('pg_proc')];
  if (!namespace || !classOid || !constraintOid || !procOid) return introspection;

  const described = new Map<string, string>();
  for (const { classoid, objoid, objsubid, description } of catalogue.descriptions)
    described.set(`${classoid} ${objoid} ${objsubid ?? 0}`, description ?? '');
  const identity = (classoid: string, objoid: string, objsubid = 0) =>
    /^@relvar (\S+)/.exec(described.get(`${classoid} ${objoid} ${objsubid}`) ?? '')?.[1];
  const hidden: Catalogue['descriptions'] = [];
  const hide = (classoid: string, objoid: string, objsubid = 0) =>
    hidden.push({ classoid, objoid, objsubid, description: '@behavior -*' });

  const objects = new Set<string>();
  for (const { _id, relnamespace } of catalogue.classes) {
    if (relnamespace !== namespace) continue;
    const key = identity(classOid, _id);
    if (!key) hide(classOid, _id);
    // The log and the trash have no fields of the model.
    else if (/^[0-9a-f-]{36}$/.test(key)) objects.add(_id);
  }
  for (const { attrelid, attnum } of catalogue.attributes)
    if (objects.has(attrelid) && attnum > 0 && !identity(classOid, attrelid, attnum)) hide(classOid, attrelid, attnum);
  for (const { _id, connamespace, contype } of catalogue.constraints)
    if (connamespace === namespace && /^[fu]$/.test(contype) && !identity(constraintOid, _id)) hide(constraintOid, _id);
  for (const { _id, pronamespace } of catalogue.procs)
    if (pronamespace === namespace && !identity(procOid, _id)) hide(procOid, _id);
  if (hidden.length === 0) return introspection;

  const replaced = new Set(hidden.map((one) => `${one.classoid} ${one.objoid} ${one.objsubid}`));
  catalogue.descriptions = catalogue.descriptions
    .filter((one) => !replaced.has(`${one.classoid} ${one.objoid} ${one.objsubid ?? 0}`))
    .concat(hidden);
  return JSON.stringify(catalogue);
}
