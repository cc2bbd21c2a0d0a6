import { describeDevice } from '../../db/describeDevice.ts';
import type { Letter } from './letter.ts';
import { notificationItem } from './notifications.ts';
import { name } from './words.ts';

/** What a template is given besides its props. */
export interface Context {
  /** Where this Relvar is reached, from RELVAR_URL. Never from a request: whoever makes one could say anything. */
  publicUrl: string;
  workspaceName: string | null;
  locale: string;
  /** Of whoever reads it; null where that is not known. */
  timeZone: string | null;
}

type Props = Record<string, unknown>;
type Template = (props: Props, context: Context) => Letter;

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** In the time of whoever reads it, with its name, since a mail may be read anywhere. */
function moment(value: unknown, { locale, timeZone }: Context): string {
  const date = new Date(text(value));
  if (Number.isNaN(date.getTime())) return '';
  const zone = timeZone !== null && isTimeZone(timeZone) ? timeZone : 'UTC';
  const format = { dateStyle: 'long', timeStyle: 'short', timeZone: zone } as const;
  const written = new Intl.DateTimeFormat(locale, format).format(date);
  return zone === 'UTC' ? `${written} UTC` : `${written} (${zone})`;
}

/** PostgreSQL knows some that JavaScript does not. */
function isTimeZone(timeZone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone }).format();
    return true;
  } catch {
    return false;
  }
}

/** Tokens stand behind the #, so that they reach neither the logs of a proxy nor the Referer of a page. */
const link = ({ publicUrl }: Context, path: string, token: unknown): string => `${publicUrl}/${path}#${text(token)}`;

/** Which device it was, as far as the request told. */
function deviceFacts(props: Props, context: Context): [string, string][] {
  const agent = text(props['userAgent']);
  const device = props['device'] ?? (agent && describeDevice(agent));
  const facts: [string, string][] = [
    ['Device', name(device, '')],
    ['Address', name(props['ipAddress'], '')],
    ['Place', name(props['place'], '')],
    ['Time', moment(props['happenedAt'], context)],
  ];
  return facts.filter(([, value]) => value !== '');
}

/** What became of a sign-in, by what the audit calls it: the subject, and what that means. */
const SIGN_IN_CHANGES: Record<string, (thing: string) => readonly [subject: string, meaning: string]> = {
  PASSKEY_ADDED: (thing) => [
    'A passkey was added to your account',
    `The passkey ${thing} now signs in to your account, alone or as the second step.`,
  ],
  PASSKEY_REMOVED: (thing) => [
    'A passkey was removed from your account',
    `The passkey ${thing} does not sign in to your account any more.`,
  ],
  SECOND_FACTOR_ON: () => [
    'Codes of an app are asked for now',
    'Who signs in to your account with the password is asked for a code of an authenticator app from now on.',
  ],
  SECOND_FACTOR_OFF: () => [
    'Codes of your app are not asked for any more',
    'Signing in to your account asks for no code of an authenticator app any more.',
  ],
  RECOVERY_CODES_MADE: () => [
    'New recovery codes were made',
    'New recovery codes of your account were made. The former ones are of no use any more.',
  ],
};

const NOT_YOU = 'If you did not ask for this, you can ignore this mail: nothing happens without the link.';

export const TEMPLATES: Record<string, Template> = {
  invitation: (props, context) => {
    const workspace = name(context.workspaceName, 'a workspace');
    const inviter = name(props['invitedBy'], 'A colleague');
    return {
      subject: `${inviter} invites you to ${workspace}`,
      heading: `Join ${workspace} on Relvar`,
      paragraphs: [
        `${inviter} invites you to ${workspace}, a workspace on Relvar, the CRM that your team works in.`,
        'The invitation is for you alone and good for 30 days.',
      ],
      action: { label: 'Accept the invitation', url: link(context, 'join', props['token']) },
      reason: 'If you do not know who invites you, ignore this mail. You become a member only if you accept.',
    };
  },

  verify_email: (props, context) => ({
    subject: 'Confirm your e-mail address',
    heading: 'Confirm your e-mail address',
    paragraphs: [
      context.workspaceName === null
        ? 'Please confirm that this address is yours, and you can begin.'
        : `Please confirm that this address is yours, and you can enter ${name(context.workspaceName, 'the workspace')}.`,
      'The link works once, within an hour.',
    ],
    action: { label: 'Confirm the address', url: link(context, 'verify-email', props['token']) },
    reason: NOT_YOU,
  }),

  sign_up: (props, context) => ({
    subject: 'Confirm your e-mail address to begin',
    heading:
      context.workspaceName === null
        ? 'Begin with Relvar'
        : `Join ${name(context.workspaceName, 'the workspace')} on Relvar`,
    paragraphs: [
      'Please confirm that this address is yours. Then you say what you are called, and are in.',
      'The link works once, within an hour.',
    ],
    action: { label: 'Confirm and go on', url: link(context, 'sign-up', props['token']) },
    reason: NOT_YOU,
  }),

  change_email: (props, context) => ({
    subject: 'Confirm your new e-mail address',
    heading: 'Confirm your new e-mail address',
    paragraphs: [
      `Your account on Relvar is to have this address instead of ${text(props['formerEmail'])}.`,
      'The link works once, within an hour. Until then the former address stays.',
    ],
    action: { label: 'Use this address', url: link(context, 'change-email', props['token']) },
    reason: NOT_YOU,
  }),

  reset_password: (props, context) => ({
    subject: 'Set a new password',
    heading: 'Set a new password',
    paragraphs: [
      'Somebody, probably you, asked to set a new password for your account on Relvar.',
      'The link works once, within 30 minutes. Your present password stays until then.',
    ],
    action: { label: 'Set a new password', url: link(context, 'reset-password', props['token']) },
    reason: NOT_YOU,
  }),

  magic_link: (props, context) => ({
    subject: 'Your link to sign in',
    heading: 'Sign in to Relvar',
    paragraphs: ['This link signs you in, once, within 15 minutes. Do not pass it on.'],
    action: { label: 'Sign in', url: link(context, 'magic-link', props['token']) },
    reason: NOT_YOU,
  }),

  approve_domain: (props, context) => {
    const workspace = name(context.workspaceName, 'a workspace');
    const domain = name(props['domain'], 'this domain');
    return {
      subject: `Approve ${domain} for ${workspace}`,
      heading: `May everyone at ${domain} join ${workspace}?`,
      paragraphs: [
        `${name(props['requestedBy'], 'An administrator')} wants everyone with an address at ${domain} to be able to join ${workspace} without an invitation. This mail proves that somebody at ${domain} agrees.`,
        'The link works once, within 24 hours.',
      ],
      action: { label: 'Approve the domain', url: link(context, 'approve-domain', props['token']) },
      reason: 'If you do not know the workspace, ignore this mail, and nothing changes.',
    };
  },

  password_changed: (props, context) => ({
    subject: 'Your password was changed',
    heading: 'Your password was changed',
    paragraphs: [
      'The password of your account on Relvar has just been changed, and all other devices were signed out.',
    ],
    facts: deviceFacts(props, context),
    action: { label: 'It was not me: set a new one', url: `${context.publicUrl}/forgot-password` },
    reason: 'This is sent for your safety at each change. If it was you, there is nothing to do.',
  }),

  sign_in_changed: (props, context) => {
    const change = SIGN_IN_CHANGES[text(props['change'])];
    const [subject, meaning] = change?.(`“${name(props['name'], 'Passkey')}”`) ?? [
      'How you sign in was changed',
      'How one signs in to your account was changed.',
    ];
    return {
      subject,
      heading: subject,
      paragraphs: [
        meaning,
        'If this was not you, set a new password at once, and look through your passkeys and where you are signed in.',
      ],
      facts: deviceFacts(props, context),
      action: { label: 'See how you sign in', url: `${context.publicUrl}/settings/security` },
      reason: 'This is sent for your safety at each change. If it was you, there is nothing to do.',
    };
  },

  identity_connected: (props, context) => ({
    subject: 'You can sign in another way now',
    heading: 'A way to sign in was connected with your account',
    paragraphs: [
      `You can now enter ${name(context.workspaceName, 'the workspace')} by ${name(props['provider'], 'its single sign-on')}.`,
      'It opens this workspace only, and nothing else of your account.',
    ],
    facts: deviceFacts(props, context),
    action: { label: 'See how you sign in', url: `${context.publicUrl}/settings/security` },
    reason: 'This is sent for your safety. If you did not expect it, ask an administrator of the workspace.',
  }),

  webhook_disabled: (props, context) => {
    const hook = name(props['name'], 'without a name');
    return {
      subject: `A webhook of ${name(context.workspaceName, 'your workspace')} was switched off`,
      heading: 'A webhook was switched off',
      paragraphs: [
        `The webhook “${hook}” to ${name(props['host'], 'its receiver')} could not deliver and was switched off. ${text(props['reason']).slice(0, 300)}`,
        'What happens meanwhile stays in the event log. When the receiver works again, switch the webhook on and replay what it has missed.',
      ],
      action: {
        label: 'Look at the webhook',
        url: `${context.publicUrl}/settings/webhooks?webhook=${encodeURIComponent(text(props['id']))}`,
      },
      reason: 'This is sent to who made the webhook, or to the members who keep webhooks.',
    };
  },

  certificate_expires: (props, context) => {
    const provider = name(props['provider'], 'the single sign-on');
    return {
      subject: `The certificate of ${provider} is about to end`,
      heading: 'A certificate of your single sign-on is about to end',
      paragraphs: [
        `${name(context.workspaceName, 'Your workspace')} believes ${provider} by a certificate that ends soon, and no other is known here.`,
        'The provider will sign with another one by then. Give its metadata to the workspace before: as an address, from which changes are taken over each day, or as a file.',
      ],
      facts: [['Ends', moment(props['notAfter'], context)]],
      action: { label: 'Open the sign-in settings', url: `${context.publicUrl}/settings/sign-in` },
      reason:
        'This is sent to the members who keep the sign-in of the workspace. Nobody is locked out when the day comes: the certificate goes on counting until the provider signs with another one.',
    };
  },

  email_changed: (props, context) => ({
    subject: 'Your e-mail address was changed',
    heading: 'Your e-mail address was changed',
    paragraphs: [
      `Your account on Relvar now has the address ${text(props['email'])} instead of this one.`,
      'If this was not you, tell the administrator of your workspace at once: with this address you cannot get the account back any more.',
    ],
    facts: deviceFacts(props, context),
    reason: 'This is sent for your safety at each change, to the former address.',
  }),

  new_sign_in: (props, context) => ({
    subject: 'New sign-in to your account',
    heading: 'New sign-in from a device we have not seen',
    paragraphs: [
      context.workspaceName === null
        ? 'Somebody signed in to your account on Relvar.'
        : `Somebody signed in to your account in ${name(context.workspaceName, 'your workspace')}.`,
    ],
    facts: deviceFacts(props, context),
    action: { label: 'See where you are signed in', url: `${context.publicUrl}/settings/security` },
    reason: 'If it was you, there is nothing to do. If not, sign the device out there, then change your password.',
  }),

  sessions_revoked: (props, context) => ({
    subject: 'We signed a device out to protect you',
    heading: 'We signed a device out to protect you',
    paragraphs: [
      'The secret that keeps one of your devices signed in was used twice, as it is when somebody has copied it. That sign-in has been ended everywhere. You can sign in again.',
      'If you have seen this more than once, or do not know the device, set a new password.',
    ],
    facts: deviceFacts(props, context),
    action: { label: 'Set a new password', url: `${context.publicUrl}/forgot-password` },
    reason: 'This is sent for your safety.',
  }),

  database_access: (props, context) => ({
    subject: 'You have a database login',
    heading: 'A database login acts in your name',
    paragraphs: [
      `${name(props['by'], 'An administrator')} made a database login of ${name(context.workspaceName, 'your workspace')} that sees what you see${props['mayWrite'] === true ? ', and writes what you may, signed by you' : ' and changes nothing'}.`,
      'You find it in the settings under Database access, and can revoke it there at any time.',
    ],
    facts: [
      ['Login', name(props['login'], '')],
      ['Ends', moment(props['expiresAt'], context)],
    ],
    action: { label: 'See your database logins', url: `${context.publicUrl}/settings/database-access` },
    reason: 'This is sent for your safety whenever somebody makes a login in your name.',
  }),

  impersonated: (props, context) => ({
    subject: `${name(props['by'], 'An administrator')} acts as you`,
    heading: `${name(props['by'], 'An administrator')} acts as you in ${name(context.workspaceName, 'your workspace')}`,
    paragraphs: [
      'Your workspace allows administrators to work as a member for a while, to help. They see what you see; what they change bears both names. Your password and your sign-in are out of their reach.',
    ],
    facts: [
      ['Why', name(props['reason'], '')],
      ['From', moment(props['happenedAt'], context)],
      ['Until', moment(props['until'], context)],
    ],
    reason:
      'This is sent whenever somebody acts as you. If you did not expect it, ask the administrator of your workspace.',
  }),

  notifications: (props, context) => {
    const items = (Array.isArray(props['items']) ? props['items'] : []).map((each) => notificationItem(each, context));
    const workspace = name(context.workspaceName, 'your workspace');
    const total = Math.max(typeof props['total'] === 'number' ? props['total'] : 0, items.length);
    const [only] = items;
    const heading = total === 1 && only ? only.text : `${total} things happened in ${workspace}`;
    const rest = total - items.length;
    return {
      subject: total === 1 && only ? only.text : `${total} notifications from ${workspace}`,
      heading,
      paragraphs:
        total === 1 && only
          ? only.quote === null
            ? []
            : [`“${only.quote}”`]
          : rest > 0
            ? [`Here are the latest ${items.length}.`]
            : [],
      ...(total === 1 ? {} : { items }),
      action:
        total === 1 && only?.url
          ? { label: 'Open it', url: only.url }
          : { label: 'Open Relvar', url: `${context.publicUrl}/` },
      reason: `You get this as a member of ${workspace}. Which mails come, and when, you choose in your profile under Notifications: ${context.publicUrl}/settings/notifications`,
    };
  },
};
