import { Button } from '@mantine/core';
import { IconEye } from '@tabler/icons-react';
import { SessionBanner } from '../app/SessionBanner.tsx';
import { announceFailure } from '../records/announce.tsx';
import { useSession } from '../session/session.ts';
import { seeAsOneself } from './seeing.ts';

export function SeeingBanner() {
  const seeing = useSession((state) => state.identity?.seeing);
  if (!seeing) return null;
  const leave = () => void seeAsOneself().catch((cause: unknown) => announceFailure('This view was not left', cause));
  return (
    <SessionBanner
      icon={<IconEye size={17} stroke={1.75} aria-hidden />}
      action={
        <Button size="compact-sm" variant="white" onClick={leave}>
          Back to your view
        </Button>
      }
    >
      You see Relvar as{' '}
      <strong>{seeing.memberId === null ? `the role ${seeing.role}` : `${seeing.memberName} (${seeing.role})`}</strong>,
      read only.
    </SessionBanner>
  );
}
