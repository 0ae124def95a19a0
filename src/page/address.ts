/** An address of the server that the page came from, with the token that it was opened with. */
export function address(path: string, parameters: Record<string, string> = {}): string {
  const token = new URLSearchParams(location.search).get("token") ?? "";
  return `/${path}?${new URLSearchParams({ ...parameters, token })}`;
}
