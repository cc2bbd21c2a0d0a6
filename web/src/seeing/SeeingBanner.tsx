import { Button } from '@mantine/core';
import { IconEye } from '@tabler/icons-react';
import { SessionBanner } from '../app/SessionBanner.tsx';
import { announceFailure } from '../records/announce.tsx';
import { useSession } from '../session/session.ts';
import { seeAsOneself } from './seeing.ts';
import { t } from '../language/t.ts';
import { Trans } from '../language/Trans.tsx';

export function SeeingBanner() {
  const seeing = useSession((state) => state.identity?.seeing);
  if (!seeing) return null;
  const leave = () =>
    void seeAsOneself().catch((cause: unknown) => announceFailure(t('This view was not left'), cause));
  return (
    <SessionBanner
      icon={<IconEye size={17} stroke={1.75} aria-hidden />}
      action={
        <Button size="compact-sm" variant="white" onClick={leave}>
          {t('Back to your view')}
        </Button>
      }
    >
      {seeing.memberId === null ? (
        <Trans
          text={'You see Relvar as <0>the role {role}</0>, read only.'}
          values={{ role: seeing.role }}
          tags={{ 0: <strong /> }}
        />
      ) : (
        <Trans
          text={'You see Relvar as <0>{memberName} ({role})</0>, read only.'}
          values={{ memberName: seeing.memberName, role: seeing.role }}
          tags={{ 0: <strong /> }}
        />
      )}
    </SessionBanner>
  );
}
