import { describeDevice } from '../../db/describeDevice.ts';
import type { Letter } from './letter.ts';
import { notificationItem } from './notifications.ts';
import type { Say } from './say.ts';
import { name } from './words.ts';

/** What a mail is about, besides its props. */
export interface Context {
  /** Where this Relvar is reached, from RELVAR_URL. Never from a request: whoever makes one could say anything. */
  publicUrl: string;
  workspaceName: string | null;
  locale: string;
  /** Of whoever reads it; null where that is not known. */
  timeZone: string | null;
}

/** What a template is given: the context, and how its language says things. */
export interface Reader extends Context {
  say: Say;
}

type Props = Record<string, unknown>;
type Template = (props: Props, context: Reader) => Letter;

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** In the time of whoever reads it, with its name, since a mail may be read anywhere. */
function moment(value: unknown, { locale, timeZone }: Reader): string {
  const date = new Date(text(value));
  if (Number.isNaN(date.getTime())) return '';
  const zone = timeZone !== null && isTimeZone(timeZone) ? timeZone : 'UTC';
  const format = { dateStyle: 'long', timeStyle: 'short', timeZone: zone } as const;
  const written = new Intl.DateTimeFormat(locale, format).format(date);
  return zone === 'UTC' ? `${written} UTC` : `${written} (${zone})`;
}

const count = (value: unknown, { locale }: Reader): string => new Intl.NumberFormat(locale).format(Number(value ?? 0));

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
const link = ({ publicUrl }: Reader, path: string, token: unknown): string => `${publicUrl}/${path}#${text(token)}`;

/** Which device it was, as far as the request told. */
function deviceFacts(props: Props, context: Reader): [string, string][] {
  const { say } = context;
  const agent = text(props['userAgent']);
  const device = name(props['device'] ?? (agent && describeDevice(agent)), '');
  const [, browser, system] = /^(.+) on (.+)$/.exec(device) ?? [];
  const facts: [string, string][] = [
    [say('Device'), browser && system ? say('{browser} on {system}', { browser, system }) : device],
    [say('Address'), name(props['ipAddress'], '')],
    [say('Place'), name(props['place'], '')],
    [say('Time'), moment(props['happenedAt'], context)],
  ];
  return facts.filter(([, value]) => value !== '');
}

/** What became of a sign-in, by what the audit calls it: the subject, and what that means. */
const SIGN_IN_CHANGES: Record<string, (say: Say, thing: string) => readonly [subject: string, meaning: string]> = {
  PASSKEY_ADDED: (say, thing) => [
    say('A passkey was added to your account'),
    say('The passkey {thing} now signs in to your account, alone or as the second step.', { thing }),
  ],
  PASSKEY_REMOVED: (say, thing) => [
    say('A passkey was removed from your account'),
    say('The passkey {thing} does not sign in to your account any more.', { thing }),
  ],
  SECOND_FACTOR_ON: (say) => [
    say('Codes of an app are asked for now'),
    say('Who signs in to your account with the password is asked for a code of an authenticator app from now on.'),
  ],
  SECOND_FACTOR_OFF: (say) => [
    say('Codes of your app are not asked for any more'),
    say('Signing in to your account asks for no code of an authenticator app any more.'),
  ],
  RECOVERY_CODES_MADE: (say) => [
    say('New recovery codes were made'),
    say('New recovery codes of your account were made. The former ones are of no use any more.'),
  ],
};

const notYou = (say: Say) =>
  say('If you did not ask for this, you can ignore this mail: nothing happens without the link.');
const forSafety = (say: Say) =>
  say('This is sent for your safety at each change. If it was you, there is nothing to do.');
const yours = ({ say, workspaceName }: Reader) => name(workspaceName, say('your workspace'));
const administrator = (value: unknown, { say }: Reader) => name(value, say('An administrator'));

export const TEMPLATES: Record<string, Template> = {
  invitation: (props, context) => {
    const { say } = context;
    const values = {
      workspace: name(context.workspaceName, say('a workspace')),
      inviter: name(props['invitedBy'], say('A colleague')),
    };
    return {
      subject: say('{inviter} invites you to {workspace}', values),
      heading: say('Join {workspace} on Relvar', values),
      paragraphs: [
        say('{inviter} invites you to {workspace}, a workspace on Relvar, the CRM that your team works in.', values),
        say('The invitation is for you alone and good for 30 days.'),
      ],
      action: { label: say('Accept the invitation'), url: link(context, 'join', props['token']) },
      reason: say('If you do not know who invites you, ignore this mail. You become a member only if you accept.'),
    };
  },

  verify_email: (props, context) => {
    const { say, workspaceName } = context;
    return {
      subject: say('Confirm your e-mail address'),
      heading: say('Confirm your e-mail address'),
      paragraphs: [
        workspaceName === null
          ? say('Please confirm that this address is yours, and you can begin.')
          : say('Please confirm that this address is yours, and you can enter {workspace}.', {
              workspace: yours(context),
            }),
        say('The link works once, within an hour.'),
      ],
      action: { label: say('Confirm the address'), url: link(context, 'verify-email', props['token']) },
      reason: notYou(say),
    };
  },

  sign_up: (props, context) => {
    const { say, workspaceName } = context;
    return {
      subject: say('Confirm your e-mail address to begin'),
      heading:
        workspaceName === null
          ? say('Begin with Relvar')
          : say('Join {workspace} on Relvar', { workspace: yours(context) }),
      paragraphs: [
        say('Please confirm that this address is yours. Then you say what you are called, and are in.'),
        say('The link works once, within an hour.'),
      ],
      action: { label: say('Confirm and go on'), url: link(context, 'sign-up', props['token']) },
      reason: notYou(say),
    };
  },

  change_email: (props, context) => {
    const { say } = context;
    return {
      subject: say('Confirm your new e-mail address'),
      heading: say('Confirm your new e-mail address'),
      paragraphs: [
        say('Your account on Relvar is to have this address instead of {former}.', {
          former: text(props['formerEmail']),
        }),
        say('The link works once, within an hour. Until then the former address stays.'),
      ],
      action: { label: say('Use this address'), url: link(context, 'change-email', props['token']) },
      reason: notYou(say),
    };
  },

  reset_password: (props, context) => {
    const { say } = context;
    return {
      subject: say('Set a new password'),
      heading: say('Set a new password'),
      paragraphs: [
        say('Somebody, probably you, asked to set a new password for your account on Relvar.'),
        say('The link works once, within 30 minutes. Your present password stays until then.'),
      ],
      action: { label: say('Set a new password'), url: link(context, 'reset-password', props['token']) },
      reason: notYou(say),
    };
  },

  magic_link: (props, context) => {
    const { say } = context;
    return {
      subject: say('Your link to sign in'),
      heading: say('Sign in to Relvar'),
      paragraphs: [say('This link signs you in, once, within 15 minutes. Do not pass it on.')],
      action: { label: say('Sign in'), url: link(context, 'magic-link', props['token']) },
      reason: notYou(say),
    };
  },

  approve_domain: (props, context) => {
    const { say } = context;
    const values = {
      workspace: name(context.workspaceName, say('a workspace')),
      domain: name(props['domain'], say('this domain')),
      who: administrator(props['requestedBy'], context),
    };
    return {
      subject: say('Approve {domain} for {workspace}', values),
      heading: say('May everyone at {domain} join {workspace}?', values),
      paragraphs: [
        say(
          '{who} wants everyone with an address at {domain} to be able to join {workspace} without an invitation. This mail proves that somebody at {domain} agrees.',
          values,
        ),
        say('The link works once, within 24 hours.'),
      ],
      action: { label: say('Approve the domain'), url: link(context, 'approve-domain', props['token']) },
      reason: say('If you do not know the workspace, ignore this mail, and nothing changes.'),
    };
  },

  password_changed: (props, context) => {
    const { say } = context;
    return {
      subject: say('Your password was changed'),
      heading: say('Your password was changed'),
      paragraphs: [
        say('The password of your account on Relvar has just been changed, and all other devices were signed out.'),
      ],
      facts: deviceFacts(props, context),
      action: { label: say('It was not me: set a new one'), url: `${context.publicUrl}/forgot-password` },
      reason: forSafety(say),
    };
  },

  sign_in_changed: (props, context) => {
    const { say } = context;
    const change = SIGN_IN_CHANGES[text(props['change'])];
    const [subject, meaning] = change?.(say, `“${name(props['name'], say('Passkey'))}”`) ?? [
      say('How you sign in was changed'),
      say('How one signs in to your account was changed.'),
    ];
    return {
      subject,
      heading: subject,
      paragraphs: [
        meaning,
        say(
          'If this was not you, set a new password at once, and look through your passkeys and where you are signed in.',
        ),
      ],
      facts: deviceFacts(props, context),
      action: { label: say('See how you sign in'), url: `${context.publicUrl}/settings/security` },
      reason: forSafety(say),
    };
  },

  identity_connected: (props, context) => {
    const { say } = context;
    const values = { workspace: yours(context), provider: name(props['provider'], say('its single sign-on')) };
    return {
      subject: say('You can sign in another way now'),
      heading: say('A way to sign in was connected with your account'),
      paragraphs: [
        say('You can now enter {workspace} by {provider}.', values),
        say('It opens this workspace only, and nothing else of your account.'),
      ],
      facts: deviceFacts(props, context),
      action: { label: say('See how you sign in'), url: `${context.publicUrl}/settings/security` },
      reason: say('This is sent for your safety. If you did not expect it, ask an administrator of the workspace.'),
    };
  },

  webhook_disabled: (props, context) => {
    const { say } = context;
    const values = {
      hook: name(props['name'], say('without a name')),
      host: name(props['host'], say('its receiver')),
    };
    const why = text(props['reason']).slice(0, 300);
    return {
      subject: say('A webhook of {workspace} was switched off', { workspace: yours(context) }),
      heading: say('A webhook was switched off'),
      paragraphs: [
        `${say('The webhook “{hook}” to {host} could not deliver and was switched off.', values)} ${why}`.trim(),
        say(
          'What happens meanwhile stays in the event log. When the receiver works again, switch the webhook on and replay what it has missed.',
        ),
      ],
      action: {
        label: say('Look at the webhook'),
        url: `${context.publicUrl}/settings/webhooks?webhook=${encodeURIComponent(text(props['id']))}`,
      },
      reason: say('This is sent to who made the webhook, or to the members who keep webhooks.'),
    };
  },

  certificate_expires: (props, context) => {
    const { say } = context;
    const values = { workspace: yours(context), provider: name(props['provider'], say('the single sign-on')) };
    return {
      subject: say('The certificate of {provider} is about to end', values),
      heading: say('A certificate of your single sign-on is about to end'),
      paragraphs: [
        say('{workspace} believes {provider} by a certificate that ends soon, and no other is known here.', values),
        say(
          'The provider will sign with another one by then. Give its metadata to the workspace before: as an address, from which changes are taken over each day, or as a file.',
        ),
      ],
      facts: [[say('Ends'), moment(props['notAfter'], context)]],
      action: { label: say('Open the sign-in settings'), url: `${context.publicUrl}/settings/sign-in` },
      reason: say(
        'This is sent to the members who keep the sign-in of the workspace. Nobody is locked out when the day comes: the certificate goes on counting until the provider signs with another one.',
      ),
    };
  },

  email_changed: (props, context) => {
    const { say } = context;
    return {
      subject: say('Your e-mail address was changed'),
      heading: say('Your e-mail address was changed'),
      paragraphs: [
        say('Your account on Relvar now has the address {email} instead of this one.', { email: text(props['email']) }),
        say(
          'If this was not you, tell the administrator of your workspace at once: with this address you cannot get the account back any more.',
        ),
      ],
      facts: deviceFacts(props, context),
      reason: say('This is sent for your safety at each change, to the former address.'),
    };
  },

  new_sign_in: (props, context) => {
    const { say } = context;
    return {
      subject: say('New sign-in to your account'),
      heading: say('New sign-in from a device we have not seen'),
      paragraphs: [
        context.workspaceName === null
          ? say('Somebody signed in to your account on Relvar.')
          : say('Somebody signed in to your account in {workspace}.', { workspace: yours(context) }),
      ],
      facts: deviceFacts(props, context),
      action: { label: say('See where you are signed in'), url: `${context.publicUrl}/settings/security` },
      reason: say(
        'If it was you, there is nothing to do. If not, sign the device out there, then change your password.',
      ),
    };
  },

  sessions_revoked: (props, context) => {
    const { say } = context;
    return {
      subject: say('We signed a device out to protect you'),
      heading: say('We signed a device out to protect you'),
      paragraphs: [
        say(
          'The secret that keeps one of your devices signed in was used twice, as it is when somebody has copied it. That sign-in has been ended everywhere. You can sign in again.',
        ),
        say('If you have seen this more than once, or do not know the device, set a new password.'),
      ],
      facts: deviceFacts(props, context),
      action: { label: say('Set a new password'), url: `${context.publicUrl}/forgot-password` },
      reason: say('This is sent for your safety.'),
    };
  },

  database_access: (props, context) => {
    const { say } = context;
    const values = { by: administrator(props['by'], context), workspace: yours(context) };
    return {
      subject: say('You have a database login'),
      heading: say('A database login acts in your name'),
      paragraphs: [
        props['mayWrite'] === true
          ? say(
              '{by} made a database login of {workspace} that sees what you see, and writes what you may, signed by you.',
              values,
            )
          : say('{by} made a database login of {workspace} that sees what you see and changes nothing.', values),
        say('You find it in the settings under Database access, and can revoke it there at any time.'),
      ],
      facts: [
        [say('Login'), name(props['login'], '')],
        [say('Ends'), moment(props['expiresAt'], context)],
      ],
      action: { label: say('See your database logins'), url: `${context.publicUrl}/settings/database-access` },
      reason: say('This is sent for your safety whenever somebody makes a login in your name.'),
    };
  },

  impersonated: (props, context) => {
    const { say } = context;
    const values = { by: administrator(props['by'], context), workspace: yours(context) };
    return {
      subject: say('{by} acts as you', values),
      heading: say('{by} acts as you in {workspace}', values),
      paragraphs: [
        say(
          'Your workspace allows administrators to work as a member for a while, to help. They see what you see; what they change bears both names. Your password and your sign-in are out of their reach.',
        ),
      ],
      facts: [
        [say('Why'), name(props['reason'], '')],
        [say('From'), moment(props['happenedAt'], context)],
        [say('Until'), moment(props['until'], context)],
      ],
      reason: say(
        'This is sent whenever somebody acts as you. If you did not expect it, ask the administrator of your workspace.',
      ),
    };
  },

  export: (props, context) => {
    const { say } = context;
    const what = name(props['name'], say('An export'));
    const isAttached = text(props['token']) === '';
    const values = { what, count: Number(props['rows'] ?? 0), list: name(props['objectLabel'], '') };
    return {
      subject: say('{what} from {workspace}', { what, workspace: yours(context) }),
      heading: what,
      paragraphs: [
        say('{what} was made: {count, plural, one {# record} other {# records}} of {list}.', values),
        isAttached
          ? say('The file is attached.')
          : say(
              'The file is too large for a mail. The link is for you alone and good for seven days, as long as you are a member.',
            ),
      ],
      facts: [
        [say('File'), name(props['fileName'], '', 200)],
        [say('Size'), `${count(Math.ceil(Number(props['bytes'] ?? 0) / 1024), context)} kB`],
        ...(isAttached ? [] : [[say('Good until'), moment(props['expiresAt'], context)] as [string, string]]),
      ],
      action: isAttached
        ? { label: say('Open Relvar'), url: `${context.publicUrl}/` }
        : { label: say('Download the file'), url: `${context.publicUrl}/exports/files/${text(props['token'])}` },
      reason: say('{owner} of {workspace} has this export sent to you, and can take you off its list.', {
        owner: name(props['ownerName'], say('A colleague')),
        workspace: yours(context),
      }),
    };
  },

  notifications: (props, context) => {
    const { say } = context;
    const items = (Array.isArray(props['items']) ? props['items'] : []).map((each) => notificationItem(each, context));
    const workspace = yours(context);
    const [only] = items;
    const total = Math.max(typeof props['total'] === 'number' ? props['total'] : 0, items.length);
    const values = { total, workspace };
    const rest = total - items.length;
    return {
      subject:
        total === 1 && only
          ? only.text
          : say('{total, plural, one {# notification} other {# notifications}} from {workspace}', values),
      heading:
        total === 1 && only
          ? only.text
          : say('{total, plural, one {# thing} other {# things}} happened in {workspace}', values),
      paragraphs:
        total === 1 && only
          ? only.quote === null
            ? []
            : [`“${only.quote}”`]
          : rest > 0
            ? [say('Here are the latest {count}.', { count: items.length })]
            : [],
      ...(total === 1 ? {} : { items }),
      action:
        total === 1 && only?.url
          ? { label: say('Open it'), url: only.url }
          : { label: say('Open Relvar'), url: `${context.publicUrl}/` },
      reason: say(
        'You get this as a member of {workspace}. Which mails come, and when, you choose in your profile under Notifications: {url}',
        { workspace, url: `${context.publicUrl}/settings/notifications` },
      ),
    };
  },
};
