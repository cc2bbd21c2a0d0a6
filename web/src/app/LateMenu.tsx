import { cloneElement, Suspense, useState, type ReactElement, type ReactNode } from 'react';
import { settle } from './settled.ts';

interface LateMenuProps {
  /** What stands there until the menu is loaded, and opens it as soon as it is. */
  button: ReactElement<{ onClick?: () => void }>;
  children: (isWanted: boolean) => ReactNode;
}

/** A menu that is loaded once the page stands, or when it is asked for. */
export function LateMenu({ button, children }: LateMenuProps) {
  const [isWanted, setIsWanted] = useState(false);
  const ask = () => {
    setIsWanted(true);
    settle();
  };
  return <Suspense fallback={cloneElement(button, { onClick: ask })}>{children(isWanted)}</Suspense>;
}
