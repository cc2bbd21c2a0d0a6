// Runs before the program is there, as a file of its own so that a strict content security policy may forbid inline scripts.
(() => {
  const kept = (name) => {
    try {
      return localStorage.getItem(name);
    } catch {
      // Storage is blocked: the program asks.
      return null;
    }
  };

  // What the page is going to ask is asked while the program is on its way (src/api/early.ts). Who was not signed in when
  // last here has nothing to ask.
  const member = kept('relvar.page');
  if (member === null) return;
  const ask = (url, body, version) => {
    const headers =
      body === null
        ? { accept: 'application/json' }
        : { accept: 'application/graphql-response+json, application/json', 'content-type': 'application/json' };
    if (body !== null) headers['X-Member'] = member;
    if (version !== null) headers['X-Metadata-Version'] = version;
    return fetch(url, { method: body === null ? 'GET' : 'POST', credentials: 'same-origin', headers, body });
  };
  const early = [];
  const add = (url, body, version, answer) => {
    // Who takes it hears what went wrong, if anybody does.
    answer.catch(() => undefined);
    early.push({ url, body, member: body === null ? null : member, version, answer });
    return answer;
  };
  const now = (url, body) => add(url, body, null, ask(url, body, null));
  now('/auth/me', null);
  now('/metadata', '{"operationName":"Ask","query":"query Ask {\\n  answer: myProfile\\n}","variables":{}}');
  // Of a model that was kept only the version is asked (src/model/keptModel.ts).
  const isKept = kept('relvar.model')?.startsWith(`{"member":${JSON.stringify(member)},`) === true;
  const model = now(
    '/metadata',
    isKept
      ? '{"operationName":"Version","query":"query Version {\\n  modelVersion\\n  myPermissions\\n  logPosition\\n}","variables":{}}'
      : '{"operationName":"Model","query":"query Model {\\n  model\\n  myPermissions\\n  logPosition\\n}","variables":{}}',
  );
  // What this address asked when last here: records after the model, for the log is followed from where it stood then.
  let last = {};
  try {
    last = JSON.parse(kept('relvar.asked') ?? '{}');
  } catch {
    // Not of our making.
  }
  for (const [url, body, version] of last[location.pathname + location.search] ?? [])
    add(url, body, version, url === '/graphql' ? model.then(() => ask(url, body, version)) : ask(url, body, version));
  globalThis.relvarEarly = early;

  // The files of a table begin to load before the program asks for them (tableFiles.ts).
  const files = document.currentScript?.dataset.table?.split(' ') ?? [];
  if (/^\/(objects\/[^/]+\/?)?$/.test(location.pathname))
    for (const href of files) {
      const isStyle = href.endsWith('.css');
      document.head.append(
        Object.assign(document.createElement('link'), {
          rel: isStyle ? 'preload' : 'modulepreload',
          href,
          as: isStyle ? 'style' : 'script',
        }),
      );
    }
})();
