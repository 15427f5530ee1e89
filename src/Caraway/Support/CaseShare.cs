namespace Caraway.Support;

/// <summary>A share of a case, as the API shows it.</summary>
internal static class CaseShare
{
    public const string View = "view";
    public const string Edit = "edit";

    /// <param name="UserId">The reader, named as the owners of cases are.</param>
    /// <param name="Access">view or edit.</param>
    public sealed record Response(string CaseId, string UserId, string Access, string SharedBy, DateTime SharedAt);

    internal sealed record Row(long CaseId, string Reader, string Access, string SharedBy, DateTime SharedAt)
    {
        public Response ToResponse() =>
            new(Support.CaseId.Write(CaseId), SupportUser.IdOf(Reader), Access, SupportUser.IdOf(SharedBy), SharedAt);
    }

    /// <summary>The columns of a row, of a share <c>s</c>.</summary>
    internal const string Columns = "s.case_id, s.reader, s.access, s.shared_by, s.shared_at";
}
