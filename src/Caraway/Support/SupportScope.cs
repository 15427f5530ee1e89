using Caraway.Identity.Contracts;
using Caraway.Platform.Audit;
using Caraway.Platform.Security;
using Caraway.Support.Contracts;

namespace Caraway.Support;

/// <summary>What a caller may do with support cases: see docs/contracts/support.md, "Who may what".</summary>
internal sealed record SupportScope
{
    /// <summary>The names of <see cref="AccessedRecords"/> and of subjects in the event log.</summary>
    public const string Kind = "support.case";

    /// <summary>The actors whose cases are the caller's own: one, or two when a gateway's user and a user are linked.</summary>
    public required string[] Me { get; init; }

    /// <summary>Whether the caller sees every case.</summary>
    public required bool All { get; init; }

    /// <summary>Whether the caller acts as the owner of every case.</summary>
    public required bool Owns { get; init; }

    /// <summary>A condition on a case <c>c</c>, with <see cref="All"/> and <see cref="Me"/>. The owner is a reader, too.</summary>
    internal const string Sees = "(@All or c.readers && @Me)";

    /// <summary>The same as a value: whether the caller may do what only owners may.</summary>
    internal const string IsOwner = "(@Owns or c.owner = any(@Me))";

    internal const string MayEdit = """
        (@All or c.owner = any(@Me) or exists (
            select from support.shares s where s.case_id = c.id and s.reader = any(@Me) and s.access = 'edit'))
        """;

    public static async ValueTask<SupportScope> Of(Caller caller, LinkedActors linked, CancellationToken cancel) => new()
    {
        Me = await linked.Of(caller, cancel),
        All = caller.May(SupportPermissions.ReadAll) || caller.May(SupportPermissions.WriteAll),
        Owns = caller.May(SupportPermissions.WriteAll),
    };

    /// <summary>Names cases in the access log. Owners who are users find the access in their own logs.</summary>
    public static AccessedRecords Accessed(IReadOnlyCollection<SupportCase.Fields> cases)
    {
        long[] users = [.. cases.Select(row => SupportUser.NumberOf(row.Owner)).OfType<long>().Distinct()];
        return new AccessedRecords
        {
            Kind = Kind, Ids = [.. cases.Select(row => row.Id)], PatientIds = users.Length == 0 ? null : users,
        };
    }
}
