import { Alert, Anchor, Badge, Button, FileButton, Group, Stack, Switch, Textarea, TextInput } from '@mantine/core';
import { useEffect, useState, type FormEvent } from 'react';
import { toFailure, type Failure } from '../../api/failure.ts';
import { formatRelative, formatDay, localDay } from '../../model/dates.ts';
import { ReadFailure } from '../../records/ReadFailure.tsx';
import lists from '../../settings/lists.module.css';
import { useInquiry } from '../../settings/useInquiry.ts';
import classes from '../security.module.css';
import { Address } from './Address.tsx';
import type { KindFormProps } from './kinds.ts';
import { updateProvider, type Settings } from './providers.ts';
import { readCertificate, readMetadata, samlFacts, type Certificate, type SamlFacts } from './saml.ts';
import { t } from '../../language/t.ts';

interface Draft {
  entityId: string;
  signInUrl: string;
  metadataUrl: string;
  emailAttribute: string;
  nameAttribute: string;
  signsRequests: boolean;
  allowsIdpInitiated: boolean;
  wantsSignedResponse: boolean;
}

const TEXTS = ['entityId', 'signInUrl', 'metadataUrl', 'emailAttribute', 'nameAttribute'] as const;
const SWITCHES = [
  {
    key: 'allowsIdpInitiated',
    label: t('The provider may begin'),
    description: t(
      'For tiles in the provider’s own list of applications. Relvar then asks it for an answer that belongs to the browser.',
    ),
  },
  {
    key: 'signsRequests',
    label: t('Sign requests'),
    description: t('For providers that want it. Our certificate is in our metadata.'),
  },
  {
    key: 'wantsSignedResponse',
    label: t('The response must be signed, too'),
    description: t('The assertion in it must be signed anyway.'),
  },
] as const;

const textOf = (settings: Settings, key: string): string => String(settings[key] ?? '');

const draftOf = (settings: Settings): Draft => ({
  entityId: textOf(settings, 'entityId'),
  signInUrl: textOf(settings, 'signInUrl'),
  metadataUrl: textOf(settings, 'metadataUrl'),
  emailAttribute: textOf(settings, 'emailAttribute'),
  nameAttribute: textOf(settings, 'nameAttribute'),
  signsRequests: settings['signsRequests'] === true,
  allowsIdpInitiated: settings['allowsIdpInitiated'] === true,
  wantsSignedResponse: settings['wantsSignedResponse'] === true,
});

/** A SAML provider: what it must know of us, and what we must know of it. */
export function SamlForm({ provider, onSaved }: KindFormProps) {
  const { answer: facts, failure, again } = useInquiry(`saml ${provider.id}`, () => samlFacts(provider.id));
  if (failure) return <ReadFailure what={t('The provider')} failure={failure} onRetry={again} />;
  if (!facts) return null;
  const saved = () => {
    again();
    onSaved();
  };
  return (
    <Stack gap={18}>
      <OwnSide facts={facts} />
      <ProviderSide provider={provider} facts={facts} onSaved={saved} />
    </Stack>
  );
}

function OwnSide({ facts }: { facts: SamlFacts }) {
  return (
    <div>
      <Address
        label={t('Our entity ID (audience, identifier), which is also the address of our metadata')}
        value={facts.entityId}
      />
      <Address label={t('Our ACS address (reply URL, single sign-on URL, recipient)')} value={facts.acsUrl} />
      <Anchor href={`${new URL(facts.entityId).pathname}?download`} download size="sm">
        {t('Download our metadata')}
      </Anchor>
    </div>
  );
}

function ProviderSide({ provider, facts, onSaved }: KindFormProps & { facts: SamlFacts }) {
  const [draft, setDraft] = useState(() => draftOf(provider.settings));
  const [certificates, setCertificates] = useState(facts.certificates);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => setCertificates(facts.certificates), [facts]);
  const set = (part: Partial<Draft>) => setDraft({ ...draft, ...part });
  const errorAt = (key: string) => (failure?.field === key ? failure.message : null);

  const save = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    const texts = TEXTS.flatMap((key) => (draft[key].trim() ? [[key, draft[key].trim()]] : []));
    const switches = SWITCHES.flatMap(({ key }) => (draft[key] ? [[key, true]] : []));
    const settings = {
      ...(Object.fromEntries([...texts, ...switches]) as Settings),
      certificates: certificates.map(({ base64 }) => base64),
    };
    try {
      await updateProvider(provider.id, { settings });
      onSaved();
    } catch (cause) {
      setFailure(toFailure(cause));
    }
    setBusy(false);
  };

  const isShown = failure?.field && [...TEXTS, 'certificates'].includes(failure.field);
  return (
    <form className={classes.form} onSubmit={(event) => void save(event)} noValidate>
      <MetadataReader
        providerId={provider.id}
        url={draft.metadataUrl}
        urlError={errorAt('metadataUrl')}
        facts={facts}
        onUrl={(metadataUrl) => set({ metadataUrl })}
        onRead={({ entityId, signInUrl, certificates: found, wantsSignedRequests }) => {
          set({ entityId, signInUrl, signsRequests: draft.signsRequests || wantsSignedRequests });
          setCertificates(found);
        }}
      />
      <TextInput
        label={t('Entity ID of the provider')}
        description={t('As its metadata or its pages say; the issuer of its answers.')}
        value={draft.entityId}
        error={errorAt('entityId')}
        onChange={(event) => set({ entityId: event.currentTarget.value })}
      />
      <TextInput
        label={t('Sign-in address of the provider')}
        description={t('The one for HTTP-Redirect.')}
        value={draft.signInUrl}
        error={errorAt('signInUrl')}
        onChange={(event) => set({ signInUrl: event.currentTarget.value })}
      />
      <Certificates
        providerId={provider.id}
        certificates={certificates}
        error={errorAt('certificates')}
        onChange={setCertificates}
      />
      <TextInput
        label={t('Attribute with the e-mail address')}
        description={t('Empty for the usual ones, and the NameID.')}
        value={draft.emailAttribute}
        error={errorAt('emailAttribute')}
        onChange={(event) => set({ emailAttribute: event.currentTarget.value })}
      />
      <TextInput
        label={t('Attribute with the name')}
        description={t('Empty for the usual ones. Groups that give roles are named below, under “Who gets in”.')}
        value={draft.nameAttribute}
        error={errorAt('nameAttribute')}
        onChange={(event) => set({ nameAttribute: event.currentTarget.value })}
      />
      {SWITCHES.map(({ key, label, description }) => (
        <Switch
          key={key}
          label={label}
          description={description}
          checked={draft[key]}
          onChange={(event) => set({ [key]: event.currentTarget.checked })}
        />
      ))}
      {failure && !isShown ? (
        <Alert color="red" variant="light" role="alert" title={failure.message}>
          {failure.hint}
        </Alert>
      ) : null}
      <div>
        <Button type="submit" loading={busy}>
          {t('Save')}
        </Button>
      </div>
    </form>
  );
}

interface MetadataReaderProps {
  providerId: string;
  url: string;
  urlError: string | null;
  facts: SamlFacts;
  onUrl: (url: string) => void;
  onRead: (found: Awaited<ReturnType<typeof readMetadata>>) => void;
}

/** Fills in what the provider says of itself: from an address, which is read again each day, a file, or a text. */
function MetadataReader({ providerId, url, urlError, facts, onUrl, onRead }: MetadataReaderProps) {
  const [xml, setXml] = useState('');
  const [isPasting, setIsPasting] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [note, setNote] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const read = async (given: { url: string } | { xml: string }) => {
    setBusy(true);
    setFailure(null);
    setNote(null);
    try {
      const found = await readMetadata(providerId, given);
      onRead(found);
      setNote(
        t(
          '{count, plural, one {Read: {entityId}, one certificate. Save to use it.} other {Read: {entityId}, # certificates. Save to use it.}}',
          { count: found.certificates.length, entityId: found.entityId },
        ),
      );
      setIsPasting(false);
      setXml('');
    } catch (cause) {
      setFailure(toFailure(cause));
    }
    setBusy(false);
  };
  const state = facts.metadataReadAt
    ? t('Read {metadataReadAt}.', { metadataReadAt: formatRelative(facts.metadataReadAt) })
    : t('It is read again each day.');
  return (
    <>
      <Group gap={8} align="end" wrap="nowrap">
        <TextInput
          className={classes.grow}
          label={t('Metadata address of the provider')}
          description={t('The best way: changes of its certificates follow by themselves. {state}', {
            state: url ? state : '',
          })}
          placeholder="https://login.acme.com/metadata"
          value={url}
          error={urlError ?? (failure?.field === 'url' ? failure.message : null)}
          onChange={(event) => onUrl(event.currentTarget.value)}
        />
        <Button
          variant="default"
          loading={busy}
          disabled={url.trim() === ''}
          onClick={() => void read({ url: url.trim() })}
        >
          {t('Read')}
        </Button>
      </Group>
      {facts.metadataFailure ? (
        <Alert color="yellow" variant="light" title={t('The last reading failed')}>
          {facts.metadataFailure}
        </Alert>
      ) : null}
      <Group gap={8}>
        <FileButton
          accept=".xml,application/xml,text/xml"
          onChange={(file) => file && void file.text().then((text) => read({ xml: text }))}
        >
          {(props) => (
            <Button variant="subtle" {...props}>
              {t('From a file')}
            </Button>
          )}
        </FileButton>
        <Button variant="subtle" onClick={() => setIsPasting(!isPasting)} aria-expanded={isPasting}>
          {t('Paste it')}
        </Button>
      </Group>
      {isPasting ? (
        <>
          <Textarea
            label={t('Metadata')}
            rows={6}
            value={xml}
            autoFocus
            onChange={(event) => setXml(event.currentTarget.value)}
            placeholder="<EntityDescriptor …"
          />
          <div>
            <Button variant="default" disabled={xml.trim() === ''} loading={busy} onClick={() => void read({ xml })}>
              {t('Read the text')}
            </Button>
          </div>
        </>
      ) : null}
      {failure && failure.field !== 'url' ? (
        <Alert color="red" variant="light" role="alert" title={failure.message}>
          {failure.hint}
        </Alert>
      ) : null}
      {note ? (
        <Alert color="green" variant="light" role="status">
          {note}
        </Alert>
      ) : null}
    </>
  );
}

interface CertificatesProps {
  providerId: string;
  certificates: readonly Certificate[];
  error: string | null;
  onChange: (certificates: Certificate[]) => void;
}

/** The certificates that answers may be signed with, several while one replaces the other. */
function Certificates({ providerId, certificates, error, onChange }: CertificatesProps) {
  const [text, setText] = useState('');
  const [failure, setFailure] = useState<Failure | null>(null);
  const [isAdding, setIsAdding] = useState(false);
  const add = async () => {
    setFailure(null);
    try {
      const found = await readCertificate(providerId, text);
      onChange(
        [...certificates, ...found].filter(
          ({ base64 }, i, all) => all.findIndex((each) => each.base64 === base64) === i,
        ),
      );
      setText('');
      setIsAdding(false);
    } catch (cause) {
      setFailure(toFailure(cause));
    }
  };
  return (
    <div>
      <h4 className={classes.small}>{t('Certificates of the provider')}</h4>
      {error ? (
        <Alert color="red" variant="light" role="alert">
          {error}
        </Alert>
      ) : null}
      {certificates.length === 0 ? <p className={classes.note}>{t('None yet. They come with the metadata.')}</p> : null}
      <ul className={lists.lines} aria-label={t('Certificates')}>
        {certificates.map((certificate) => (
          <li key={certificate.base64} className={lists.line}>
            <div className={lists.main}>
              <strong>{certificate.subject}</strong>
              <small title={certificate.fingerprint}>
                {t('SHA-256 {fingerprint}…', { fingerprint: certificate.fingerprint.slice(0, 11) })}
              </small>
            </div>
            <Expiry notAfter={certificate.notAfter} />
            <Button
              variant="subtle"
              aria-label={t('Remove {subject}', { subject: certificate.subject })}
              onClick={() => onChange(certificates.filter((each) => each !== certificate))}
            >
              {t('Remove')}
            </Button>
          </li>
        ))}
      </ul>
      {isAdding ? (
        <Stack gap={8} mt={8}>
          <Textarea
            label={t('Certificate')}
            description={t('PEM, with or without BEGIN and END.')}
            rows={5}
            value={text}
            error={failure?.message ?? null}
            autoFocus
            onChange={(event) => setText(event.currentTarget.value)}
          />
          <div>
            <Button variant="default" disabled={text.trim() === ''} onClick={() => void add()}>
              {t('Add it')}
            </Button>
          </div>
        </Stack>
      ) : (
        <Button variant="subtle" onClick={() => setIsAdding(true)}>
          {t('Add a certificate')}
        </Button>
      )}
    </div>
  );
}

const millisecondsTo = (time: string): number => Date.parse(time) - Date.now();

const WARN_MS = 21 * 86_400_000;

function Expiry({ notAfter }: { notAfter: string }) {
  const left = millisecondsTo(notAfter);
  const color = left < 0 ? 'red' : left < WARN_MS ? 'yellow' : 'gray';
  const day = formatDay(localDay(new Date(notAfter)));
  return (
    <Badge variant="light" color={color} radius="sm" tt="none">
      {left < 0 ? t('ended {day}', { day }) : t('until {day}', { day })}
    </Badge>
  );
}
