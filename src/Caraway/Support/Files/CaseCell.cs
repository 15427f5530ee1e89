namespace Caraway.Support.Files;

/// <summary>
/// A cell of a CSV file. A spreadsheet runs a cell that begins with some characters as a formula (CSV injection), so such a cell gets an
/// apostrophe in front, which spreadsheets read as "this is text". A cell that begins with an apostrophe gets one, too, so that reading can
/// take exactly one away.
/// </summary>
internal static class CaseCell
{
    private const char Apostrophe = '\'';

    public static string Guard(string text) =>
        text is ['=' or '+' or '-' or '@' or Apostrophe or '\t' or '\r', ..] ? Apostrophe + text : text;

    public static string Unguard(string cell) => cell.StartsWith(Apostrophe) ? cell[1..] : cell;
}
