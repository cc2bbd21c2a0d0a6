import { Button } from '@mantine/core';
import { IconUserScan } from '@tabler/icons-react';
import { useEffect } from 'react';
import { SessionBanner } from '../app/SessionBanner.tsx';
import { fetchJson, toFailure } from '../api/failure.ts';
import { beginAnew } from '../api/leaving.ts';
import { fetchTokens } from '../api/refresh.ts';
import { announceFailure } from '../records/announce.tsx';
import { formatInstant } from '../model/dates.ts';
import { useInquiry } from '../settings/useInquiry.ts';
import { personName, useSession } from './session.ts';
import { t } from '../language/t.ts';
import { Trans } from '../language/Trans.tsx';

interface Acting {
  name: string;
  reason: string;
  until: string;
}

/** Back to who one is; where that session has ended meanwhile, to the sign-in page. The page begins anew: nothing stays. */
async function returnToSelf(): Promise<void> {
  try {
    await fetchJson('/auth/impersonate/end', {}, fetchTokens);
  } catch (cause) {
    // Anything else leaves one acting as the member, which must not look like having returned.
    if (toFailure(cause).code !== 'NOT_SIGNED_IN') {
      announceFailure(t('You still act as the member'), cause);
      return;
    }
  }
  beginAnew('/');
}

/** On every page for as long as somebody acts as the member, so that nobody forgets whose eyes they see with. */
export function ImpersonationBanner() {
  const identity = useSession((state) => state.identity);
  return identity?.impersonator ? (
    <Banner name={personName(identity)} impersonator={identity.impersonator.name} />
  ) : null;
}

function Banner({ name, impersonator }: { name: string; impersonator: string }) {
  const { answer } = useInquiry('impersonation', () => fetchJson<Acting | null>('/auth/impersonate'));
  const until = answer?.until;
  useEffect(() => {
    if (until === undefined) return;
    // A moment before, while the browser still has the token that leads back.
    const timer = setTimeout(() => void returnToSelf(), Math.max(0, Date.parse(until) - Date.now() - 3_000));
    return () => clearTimeout(timer);
  }, [until]);
  return (
    <SessionBanner
      icon={<IconUserScan size={17} stroke={1.75} aria-hidden />}
      action={
        <Button size="compact-sm" variant="white" onClick={() => void returnToSelf()}>
          {t('Return to yourself')}
        </Button>
      }
    >
      {until ? (
        <Trans
          text={'{impersonator}, you are acting as <0>{name}</0>, until {until}. What you change bears both names.'}
          values={{ impersonator, name, until: formatInstant(until) }}
          tags={{ 0: <strong /> }}
        />
      ) : (
        <Trans
          text={'{impersonator}, you are acting as <0>{name}</0>. What you change bears both names.'}
          values={{ impersonator, name }}
          tags={{ 0: <strong /> }}
        />
      )}
    </SessionBanner>
  );
}
