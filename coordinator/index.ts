export { Coordinator, type CoordinatorFaultCode, type CoordinatorOptions } from "./coordinator.ts";
