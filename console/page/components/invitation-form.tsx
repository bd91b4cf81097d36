import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { Fault, Invitation, InvitationWanted, Role } from "../../api.ts";
import { faultOf, request } from "../client.ts";
import { day } from "../format.ts";
import { CopyButton } from "./copy-button.tsx";
import { FaultNotice, Notice } from "./notice.tsx";

const ROLES: readonly Role[] = ["party", "querier", "coordinator"];
const DAYS = [1, 7, 30];

/** For the founder: signs an invitation, and shows its line once. */
export function InvitationForm({ onMade }: { readonly onMade: () => void }): JSX.Element {
  const made = useSignal<(Invitation & { readonly name: string }) | null>(null);
  const fault = useSignal<Fault | null>(null);
  const invite = async (form: HTMLFormElement): Promise<void> => {
    const fields = new FormData(form);
    const wanted: InvitationWanted = {
      name: textOf(fields.get("name")),
      roles: ROLES.filter((role) => fields.getAll("role").includes(role)),
      days: Number(textOf(fields.get("days"))),
    };
    try {
      const invitation = await request<Invitation>("/api/invitations", { method: "POST", body: wanted });
      made.value = { ...invitation, name: wanted.name };
      fault.value = null;
      form.reset();
      onMade();
    } catch (error) {
      fault.value = faultOf(error);
    }
  };
  return (
    <>
      <form
        class="invite"
        onSubmit={(event) => {
          event.preventDefault();
          void invite(event.currentTarget);
        }}
      >
        <label>
          <span>Name</span>
          <input name="name" required pattern="[a-z0-9\-]{1,63}" placeholder="new-member" autocomplete="off" />
        </label>
        <fieldset>
          <legend>Roles</legend>
          {ROLES.map((role) => (
            <label key={role} class="tick">
              <input type="checkbox" name="role" value={role} defaultChecked={role !== "coordinator"} /> {role}
            </label>
          ))}
        </fieldset>
        <label>
          <span>Valid for</span>
          <select name="days" defaultValue="7">
            {DAYS.map((days) => (
              <option key={days} value={days} selected={days === 7}>
                {days === 1 ? "1 day" : `${String(days)} days`}
              </option>
            ))}
          </select>
        </label>
        <button type="submit" class="primary">
          Invite
        </button>
      </form>
      {fault.value ? <FaultNotice fault={fault.value} /> : null}
      {made.value ? (
        <Notice kind="calm" icon="check">
          <p>
            Send this line to <strong>{made.value.name}</strong> alone, over a channel you trust: whoever has it can
            become {made.value.name}, once, until {day(made.value.expires)}. It is shown here and kept nowhere.
          </p>
          <p class="secret">
            <code>{made.value.line}</code>
          </p>
          <CopyButton text={made.value.line} what="the invitation" />
          <p class="soft">
            Before it is used, have the coordinator’s node take up the new federation file:{" "}
            <code>sotto federation join federation.json</code> in its folder.
          </p>
        </Notice>
      ) : null}
    </>
  );
}

function textOf(value: FormDataEntryValue | null): string {
  return typeof value === "string" ? value : "";
}
