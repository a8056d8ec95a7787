/** The files of the demo, written into its data folder so that they can be read while it runs. */
export function demoGateway({ port, tlsPort }: { readonly port: number; readonly tlsPort: number }): string {
  return `# What the demo runs on. Ports are chosen by the system, so that it runs beside anything.
version: 1
data_dir: .
agent: {id: shop-agent}
listeners: {data: "127.0.0.1:0", admin: "127.0.0.1:0"}
policy: {files: [policy.yaml]}
actions: {files: [actions.yaml]}
# The shop API of the demo listens on loopback, which is refused unless it is listed; its certificate is of a CA of its own.
upstream: {allow: ["127.0.0.1:${port}", "127.0.0.1:${tlsPort}"], ca_files: [shop-ca.pem]}
limits: {approval_wait: 1s, approval_ttl: 15m}
log: {format: text}
`;
}
