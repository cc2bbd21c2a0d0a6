import { useInquiry } from '../settings/useInquiry.ts';
import { openSessions } from './calls.ts';
import { ConnectedAppsSection } from './ConnectedAppsSection.tsx';
import { PasswordSection } from './PasswordSection.tsx';
import { SecondFactorSection } from './SecondFactorSection.tsx';
import { SecurityFrame } from './SecurityFrame.tsx';
import { SessionsSection } from './SessionsSection.tsx';
import { TokensSection } from './TokensSection.tsx';

/** How the member signs in, and where they are signed in. */
export function SecurityPage() {
  const sessions = useInquiry('sessions', openSessions);
  return (
    <SecurityFrame label="Your sign-in">
      <SessionsSection inquiry={sessions} />
      <SecondFactorSection />
      <PasswordSection onChanged={sessions.again} />
      <ConnectedAppsSection />
      <TokensSection />
    </SecurityFrame>
  );
}
