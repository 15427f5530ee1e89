namespace Caraway.Advocacy.Contracts;

/// <summary>The permissions of Advocacy's routes. Each covers every case; patients have neither.</summary>
internal static class AdvocacyPermissions
{
    public const string Read = "advocacy:read";
    public const string Write = "advocacy:write";
}
