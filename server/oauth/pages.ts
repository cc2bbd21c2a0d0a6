import type { KoaContextWithOIDC } from 'oidc-provider';

/** The few pages that are no part of the application: what went wrong before anybody could be sent back, and codes of devices. */

const CONTENT_SECURITY_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const STYLE = `
  :root { color-scheme: light dark }
  body { font: 16px/1.5 system-ui, sans-serif; margin: 12vh auto; max-width: 24rem; padding: 0 1.25rem }
  h1 { font-size: 1.35rem; margin: 0 0 .5rem }
  p { margin: 0 0 1rem; opacity: .8 }
  input[type=text] { box-sizing: border-box; font: 600 1.25rem/1 ui-monospace, monospace; letter-spacing: .08em; padding: .7rem; text-transform: uppercase; width: 100% }
  .code { font: 600 1.5rem/1 ui-monospace, monospace; letter-spacing: .08em; opacity: 1 }
  button { background: #0f6b57; border: 0; border-radius: 6px; color: #fff; cursor: pointer; font: inherit; font-weight: 600; margin: 1rem 0 .5rem; padding: .6rem; width: 100% }
  button.quiet { background: none; color: inherit; margin: 0; opacity: .7 }
`;

const SIGNS: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escaped = (text: string): string => text.replace(/[&<>"']/g, (sign) => SIGNS[sign]!);

/** `inside` is HTML. */
function page(context: KoaContextWithOIDC, title: string, inside: string): void {
  context.set({
    'content-security-policy': CONTENT_SECURITY_POLICY,
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
  });
  context.type = 'html';
  context.body = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title><style>${STYLE}</style><body><main><h1>${escaped(title)}</h1>${inside}</main></body></html>`;
}

/** Shown where sending the person on would mean sending them to an address that nobody has vouched for. */
export function errorPage(
  context: KoaContextWithOIDC,
  { error, description }: { error: string; description: string | undefined },
): void {
  const more = description ? ` (${description})` : '';
  page(
    context,
    'The app could not be connected',
    `<p>What it asked for was refused: <code>${escaped(error + more)}</code>.</p>
     <p>Nothing was granted. Go back to the app and try again; if it happens again, tell those who make it.</p>`,
  );
}

export function deviceCodePage(context: KoaContextWithOIDC, form: string, error: Error | undefined): void {
  const message = error
    ? '<p role="alert">This code is not right, or it has run out. Look at the device again.</p>'
    : '<p>Enter the code that your device shows.</p>';
  page(
    context,
    'Connect a device',
    `${message}${form}<button type="submit" form="op.deviceInputForm">Continue</button>`,
  );
}

export function deviceConfirmPage(
  context: KoaContextWithOIDC,
  form: string,
  { app, userCode }: { app: string; userCode: string },
): void {
  page(
    context,
    `Connect “${app}”?`,
    `<p>Go on only if the device in front of you shows this code:</p><p class="code">${escaped(userCode)}</p>
     <p>If somebody has sent you here with a code, they want your access.</p>${form}
     <button type="submit" form="op.deviceConfirmForm">My device shows it</button>
     <button type="submit" class="quiet" form="op.deviceConfirmForm" value="yes" name="abort">Cancel</button>`,
  );
}

export function deviceConfirmed(context: KoaContextWithOIDC): void {
  page(context, 'The device is connected', '<p>You can close this page and go on there.</p>');
}
