import { signal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { CoordinatorView, Fault, FederationView as Federation, MemberView, Overview } from "../../api.ts";
import { faultOf, request } from "../client.ts";
import { CopyButton } from "../components/copy-button.tsx";
import { Heading } from "../components/heading.tsx";
import { InvitationForm } from "../components/invitation-form.tsx";
import { FaultNotice, Notice } from "../components/notice.tsx";
import { PartyName } from "../components/party-name.tsx";
import { day, milliseconds, oneLine } from "../format.ts";
import { loaded } from "../state/loaded.ts";
import { lastMs } from "../state/questions.ts";

const federation = loaded<Federation>("/api/federation");
const coordinators = signal<readonly CoordinatorView[] | null>(null);

const MODES = {
  private: "private: questions are encrypted, each party keeps its documents",
  vertical: "vertical: parties hold different features of the same entities, and their scores are added",
  clear: "clear: everybody sees the questions",
} as const;

export function FederationView({ overview: { member } }: { readonly overview: Overview }): JSX.Element {
  useEffect(() => void federation.load(), []);
  const { value, fault } = federation;
  const view = value.value;
  return (
    <>
      <Heading title={view ? oneLine(view.name) : "Federation"}>
        <button type="button" class="quiet" onClick={() => void federation.load()}>
          Look again
        </button>
      </Heading>
      {fault.value ? <FaultNotice fault={fault.value} /> : null}
      {view?.fault ? (
        <Notice kind="warn">
          <strong>The coordinator is not reached,</strong> so nobody knows who is there: {view.fault.detail}.
        </Notice>
      ) : null}
      {view ? (
        <>
          <Members members={view.members} self={member} />
          <Coordinators />
          {view.invitations.length > 0 || view.isFounder ? <Invitations view={view} /> : null}
          <Terms view={view} />
        </>
      ) : null}
    </>
  );
}

function Members({ members, self }: { readonly members: readonly MemberView[]; readonly self: string }): JSX.Element {
  return (
    <section aria-labelledby="members">
      <h2 id="members">Members</h2>
      <ul class="members">
        {members.map(({ name, roles, isOnline, publicKey }) => (
          <li key={name} class="member" data-member={name}>
            <span class="member-name">
              <PartyName name={name} />
              {name === self ? <span class="chip">this node</span> : null}
            </span>
            <span class="soft">{roles.join(", ")}</span>
            <Presence isOnline={isOnline} ms={lastMs.value.get(name)} />
            <code class="key" title={publicKey}>
              {publicKey.slice(0, 12)}…
            </code>
          </li>
        ))}
      </ul>
    </section>
  );
}

interface PresenceProps {
  readonly isOnline: boolean | null;
  readonly ms: number | undefined;
}

function Presence({ isOnline, ms }: PresenceProps): JSX.Element {
  const answered = ms === undefined ? "" : `, last answer in ${milliseconds(ms)}`;
  if (isOnline === null) return <span class="presence is-unknown" />;
  return (
    <span class={isOnline ? "presence is-on" : "presence is-off"}>
      {isOnline ? "connected" : "not connected"}
      {answered}
    </span>
  );
}

function Coordinators(): JSX.Element {
  const fault = useSignal<Fault | null>(null);
  const isBusy = useSignal(false);
  const measure = async (): Promise<void> => {
    isBusy.value = true;
    try {
      coordinators.value = await request("/api/federation/coordinators", { method: "POST" });
      fault.value = null;
    } catch (error) {
      fault.value = faultOf(error);
    }
    isBusy.value = false;
  };
  useEffect(() => void measure(), []);
  return (
    <section aria-labelledby="coordinators">
      <div class="section-head">
        <h2 id="coordinators">Coordinators</h2>
        <button type="button" class="quiet" disabled={isBusy.value} onClick={() => void measure()}>
          Measure again
        </button>
      </div>
      {fault.value ? <FaultNotice fault={fault.value} /> : null}
      <ul class="members" aria-live="polite">
        {(coordinators.value ?? []).map(({ url, ms, fault: why }) => (
          <li key={url} class="member">
            <code class="member-name">{url}</code>
            <span class="soft">connection and handshake</span>
            {why ? (
              <span class="presence is-off">{oneLine(why.detail)}</span>
            ) : (
              <span class="presence is-on">{milliseconds(ms ?? 0)}</span>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Invitations({ view }: { readonly view: Federation }): JSX.Element {
  return (
    <section aria-labelledby="invitations">
      <h2 id="invitations">Invitations</h2>
      {view.invitations.length === 0 ? <p class="soft">Nobody is invited at present.</p> : null}
      <ul class="members">
        {view.invitations.map(({ name, roles, expires }) => (
          <li key={name} class="member">
            <span class="member-name">
              <PartyName name={name} />
            </span>
            <span class="soft">{roles.join(", ")}</span>
            <span class="presence soft">
              {Date.parse(expires) < Date.now() ? "expired" : "open until"} {day(expires)}
            </span>
          </li>
        ))}
      </ul>
      {view.isFounder ? <InvitationForm onMade={() => void federation.load()} /> : null}
    </section>
  );
}

function Terms({ view }: { readonly view: Federation }): JSX.Element {
  const { rootPublicKey, revision, mode, encoder, dimensions, scoreBits } = view;
  return (
    <section aria-labelledby="terms">
      <h2 id="terms">Terms</h2>
      <dl class="terms">
        <dt>Root key</dt>
        <dd>
          <code>{rootPublicKey}</code> <CopyButton text={rootPublicKey} what="the root key" />
          <span class="soft">Compare it with the founder’s over another channel.</span>
        </dd>
        <dt>Revision</dt>
        <dd>{revision}, every entry’s signature checked</dd>
        <dt>Mode</dt>
        <dd>{MODES[mode]}</dd>
        <dt>Encoder</dt>
        <dd>
          {encoder.spec} <code title={encoder.fingerprint}>{encoder.fingerprint.slice(0, 16)}…</code>
        </dd>
        <dt>Scores</dt>
        <dd>
          {dimensions} dimensions, {scoreBits} bits a score
        </dd>
      </dl>
    </section>
  );
}
