import { useSession } from '../session/session.ts';
import { useInquiry } from '../settings/useInquiry.ts';
import { openSessions, secondFactorState } from './calls.ts';
import { ConnectedAppsSection } from './ConnectedAppsSection.tsx';
import { PasskeysSection } from './PasskeysSection.tsx';
import { ConnectedSignIns } from './ConnectedSignIns.tsx';
import { PasswordSection } from './PasswordSection.tsx';
import { SecondFactorSection } from './SecondFactorSection.tsx';
import { SecurityFrame } from './SecurityFrame.tsx';
import classes from './security.module.css';
import { SessionsSection } from './SessionsSection.tsx';
import { TokensSection } from './TokensSection.tsx';
import { t } from '../language/t.ts';

/** How the member signs in, and where they are signed in. */
export function SecurityPage() {
  const isActing = useSession((state) => Boolean(state.identity?.impersonator));
  return (
    <SecurityFrame label={t('Your sign-in')}>
      {isActing ? (
        <p className={classes.note}>
          {t(
            'How a member signs in is the member’s alone, also while you act as them. Return to yourself to see your own.',
          )}
        </p>
      ) : (
        <OwnSections />
      )}
    </SecurityFrame>
  );
}

function OwnSections() {
  const sessions = useInquiry('sessions', openSessions);
  const factor = useInquiry('second factor', secondFactorState);
  return (
    <>
      <SessionsSection inquiry={sessions} />
      <PasskeysSection onChanged={factor.again} />
      <SecondFactorSection inquiry={factor} />
      <PasswordSection
        hasPassword={factor.answer?.hasPassword ?? true}
        onChanged={() => {
          sessions.again();
          factor.again();
        }}
      />
      <ConnectedSignIns />
      <ConnectedAppsSection />
      <TokensSection />
    </>
  );
}
