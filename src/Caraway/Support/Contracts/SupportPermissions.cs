namespace Caraway.Support.Contracts;

/// <summary>The permissions of Support's routes. A gateway grants the first two, and every role but auditor has them.</summary>
internal static class SupportPermissions
{
    /// <summary>The caller's own cases, and those shared with the caller.</summary>
    public const string Read = "support:read";
    public const string Write = "support:write";

    /// <summary>Everybody's cases. Together with <see cref="Write"/> it also allows changes, but neither sharing nor deleting.</summary>
    public const string ReadAll = "support:read_all";

    /// <summary>The caller acts as the owner of every case, and imports cases of others.</summary>
    public const string WriteAll = "support:write_all";
}
