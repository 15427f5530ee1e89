namespace Caraway.Care.Contracts;

/// <summary>The permissions of Care's routes.</summary>
internal static class CarePermissions
{
    /// <summary>The caller's own appointments and results, as the patient or as the doctor.</summary>
    public const string Read = "care:read";
    public const string Write = "care:write";

    /// <summary>Everybody's appointments and results.</summary>
    public const string ReadAll = "care:read_all";

    /// <summary>Everybody's, for changes. In Care, the word staff means the callers with this permission.</summary>
    public const string WriteAll = "care:write_all";
}
