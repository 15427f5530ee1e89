namespace Caraway.Advocacy;

/// <summary>The longest texts of a case, in characters (docs/contracts/advocacy.md). The tables check the same limits.</summary>
internal static class CaseLimits
{
    public const int FullName = 200;
    public const int Phone = 50;
    public const int Narrative = 20_000;
    public const int ExternalReference = 100;
    public const int Person = 120;
    public const int Reason = 500;
    public const int NoteBody = 10_000;
    public const int FileName = 255;
    public const int ContentType = 100;
    public const int Uri = 500;
}
