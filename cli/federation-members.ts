import { Command } from "commander";
import { Fault } from "../crypto/index.ts";
import { type Role, roleNames } from "../protocol/index.ts";
import { FEDERATION_FILE, FounderFolder, parsePublicKey } from "./founder-folder.ts";
import { dirOption } from "./options.ts";

function parseRoles(text: string): Role[] {
  const roles = text.split(",").map((role) => role.trim());
  const unknown = roles.find((role) => !(roleNames as readonly string[]).includes(role));
  if (unknown !== undefined)
    throw new Fault(
      "ROLE_UNKNOWN",
      `"${unknown}" is not a role; roles are ${roleNames.join(", ")}, several joined by commas`,
    );
  return roles as Role[];
}

const TAKEN_UP =
  "A coordinator that runs takes the file up within a second of `sotto federation join` in its folder; members that are connected, or connect later, get it from there.\n";

export function addCommand(): Command {
  return new Command("add")
    .description("add a member, or change its key and roles, and sign the change")
    .argument("<name>", "the member's name, as it was given to sotto init")
    .requiredOption("--key <key>", "the member's public key, as sotto init printed it", parsePublicKey)
    .requiredOption("--role <roles>", `${roleNames.join(", ")}; several joined by commas`)
    .addOption(dirOption())
    .action((name: string, { key, role, dir }: { key: string; role: string; dir: string }) => {
      const founder = new FounderFolder(dir);
      const { terms, invitations } = founder.log.state;
      const twin = terms.members.find((member) => member.publicKey === key && member.name !== name);
      if (twin) throw new Fault("KEY_TAKEN", `that is the key of "${twin.name}"; every member has its own`);
      const had = terms.members.find((member) => member.name === name);
      const roles = parseRoles(role);
      const added = { type: "member-added" as const, name, roles, publicKey: key };
      const removed = { type: "member-removed" as const, name };
      if (had?.publicKey === key) founder.change({ type: "roles-changed", name, roles });
      else founder.change(...(had || invitations.has(name) ? [removed, added] : [added]));
      const { revision, rootPublicKey } = founder.log.state.terms;
      process.stdout.write(
        `${name} is a member (${role})${had && had.publicKey !== key ? ", its key was changed" : ""}; the file is at revision ${String(revision)}.\nWhen all are added, send ${founder.file} to every new member, tell them the root key another way, and have them run:\n\n  sotto federation join ${FEDERATION_FILE} --root ${rootPublicKey} --dir THEIR-NODE\n\n${TAKEN_UP}`,
      );
    });
}

export function removeCommand(): Command {
  return new Command("remove")
    .description("remove a member, and sign the change")
    .argument("<name>", "the member's name")
    .addOption(dirOption())
    .action((name: string, { dir }: { dir: string }) => {
      const founder = new FounderFolder(dir);
      const { terms, invitations } = founder.log.state;
      if (!invitations.has(name) && !terms.members.some((member) => member.name === name))
        throw new Fault(
          "MEMBER_UNKNOWN",
          `"${name}" is no member of "${terms.name}"; \`sotto federation show\` lists them`,
        );
      founder.change({ type: "member-removed", name });
      process.stdout.write(`${name} is a member no more; ${publish(founder)}`);
    });
}

/** What makes a change hold everywhere. */
function publish({ log }: FounderFolder): string {
  const { revision, rootPublicKey } = log.state.terms;
  return `the file is at revision ${String(revision)}. Have the coordinator's node join with it:\n\n  sotto federation join ${FEDERATION_FILE} --root ${rootPublicKey} --dir COORDINATOR\n\n${TAKEN_UP}`;
}
