import type { ComponentChildren, JSX } from "preact";
import type { Fault } from "../../api.ts";
import { Icon, type IconName } from "./icon.tsx";
import { Prose } from "./prose.tsx";

export interface NoticeProps {
  readonly kind: "warn" | "bad" | "calm";
  readonly icon?: IconName;
  readonly children: ComponentChildren;
}

export function Notice({ kind, icon = "alert", children }: NoticeProps): JSX.Element {
  return (
    <div class={`notice ${kind}`} role={kind === "calm" ? undefined : "status"}>
      <Icon name={icon} />
      <div>{children}</div>
    </div>
  );
}

export function FaultNotice({ fault: { code, detail } }: { readonly fault: Fault }): JSX.Element {
  return (
    <Notice kind="bad">
      <Prose text={sentence(detail)} /> <code class="code">{code}</code>
    </Notice>
  );
}

/** Faults begin in lower case, for they follow a code elsewhere. */
export function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
