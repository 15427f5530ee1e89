using System.Collections.Frozen;
using System.Text;
using Caraway.Platform.Http;

namespace Caraway.Platform.Search;

/// <summary>
/// The text of a search (<c>q</c>), checked and taken apart: words, phrases in quotes, <c>or</c>, words to leave out (<c>-word</c>), and
/// fields. docs/api/platform.md describes the language.
/// </summary>
internal sealed record SearchQuery
{
    /// <summary>In characters.</summary>
    public const int Longest = 200;

    public const string TooLong = "The search text must have at most 200 characters, and not U+0000.";

    /// <summary>A shorter last word is searched as it is: too many words begin with one letter.</summary>
    private const int ShortestPrefix = 2;

    private const string Or = "or";

    /// <summary>The text, taken apart at white space outside quotes.</summary>
    public IReadOnlyList<string> Tokens { get; private init; } = [];

    private FrozenDictionary<string, string> Fields { get; init; } = FrozenDictionary<string, string>.Empty;

    /// <summary>
    /// The alternatives before the last <c>or</c>, in the language of PostgreSQL's <c>websearch_to_tsquery</c>; empty without one.
    /// </summary>
    public string Either { get; private init; } = "";

    /// <summary>The last alternative, without the word of <see cref="Prefix"/>.</summary>
    public string Words { get; private init; } = "";

    /// <summary>
    /// The last word with the sign that also finds what begins with it, in the language of <c>to_tsquery</c>. It has letters and digits
    /// only, so nothing in it needs quoting. Empty when the query ends in anything else.
    /// </summary>
    public string Prefix { get; private init; } = "";

    public DateTime? Before { get; private init; }

    public DateTime? After { get; private init; }

    /// <summary>Whether there is text to look for, and not only fields.</summary>
    public bool HasText => Tokens.Count > 0;

    /// <summary>The words of the text that can be misspelt: of letters only, neither in quotes nor left out.</summary>
    public IEnumerable<string> PlainWords => Tokens.Where(IsPlainWord);

    /// <summary>Whether the query is nothing but such words: it can be a name.</summary>
    public bool IsPlain => Fields.Count == 0 && Tokens.All(IsPlainWord);

    /// <summary>The words of each alternative, and whether they are to be found or to be left out. A phrase is one word here.</summary>
    public IEnumerable<IEnumerable<(string Word, bool IsWanted)>> Alternatives
    {
        get
        {
            var alternative = new List<(string, bool)>();
            foreach (var token in Tokens.Append(Or))
            {
                if (!IsOr(token) && token.Trim('-', '"') is { Length: > 0 } word)
                {
                    alternative.Add((word, !token.StartsWith('-')));
                }
                else if (alternative.Count > 0)
                {
                    yield return alternative;
                    alternative = [];
                }
            }
        }
    }

    /// <summary>The value of a field, as it is stored; null when the query does not name it.</summary>
    public string? this[string field] => Fields.GetValueOrDefault(field);

    /// <summary>
    /// The same query for one kind: its values are in the form in which the kind stores them (<c>CLOSED</c> or <c>closed</c>).
    /// </summary>
    /// <param name="fields">The fields of the kind, with their words.</param>
    /// <returns>Null when nothing of the kind can match: the query names a field or a word that only other kinds have.</returns>
    public SearchQuery? For(IReadOnlyList<SearchField> fields)
    {
        var own = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, given) in Fields)
        {
            if (fields.FirstOrDefault(field => field.Name == name) is not { } field || field.Check(given, out var value) is not null)
                return null;
            own.Add(name, value);
        }

        return this with { Fields = own.ToFrozenDictionary(StringComparer.Ordinal) };
    }

    /// <param name="fields">The fields that this search knows, with their words.</param>
    /// <returns>The refusal, or null when <paramref name="query"/> is good.</returns>
    public static Refusal? Read(string q, IReadOnlyList<SearchField> fields, out SearchQuery query)
    {
        query = new SearchQuery();
        if (Characters.Count(q) > Longest || q.Contains('\0', StringComparison.Ordinal))
            return Refused(TooLong);
        var (tokens, given) = (new List<string>(), new Dictionary<string, string>(StringComparer.Ordinal));
        foreach (var token in QueryTokens.Split(q))
        {
            if (QueryTokens.FieldOf(token) is not var (name, text))
                tokens.Add(token);
            else if (fields.FirstOrDefault(field => field.Name == name) is not { } field)
                return Refused($"{name}: is not a field of this search. Its fields are {string.Join(", ", fields.Select(f => f.Name))}.");
            else if (field.Check(text, out var value) is { } sentence)
                return Refused(sentence);
            else if (!given.TryAdd(name, value))
                return Refused($"Name {name}: once.");
        }

        if (ExcludesOnly(tokens))
            return Refused("Write at least one word to find. Words to leave out are not enough.");
        QueryTime.TryRead(given.GetValueOrDefault(SearchField.BeforeName), out var before);
        QueryTime.TryRead(given.GetValueOrDefault(SearchField.AfterName), out var after);
        query = Create(tokens) with { Fields = given.ToFrozenDictionary(StringComparer.Ordinal), Before = before, After = after };
        return null;
    }

    /// <summary>The same query with other words in the place of some.</summary>
    public SearchQuery Replace(IReadOnlyDictionary<string, string> words) =>
        Create([.. Tokens.Select(token => words.GetValueOrDefault(token, token))]) with { Fields = Fields, Before = Before, After = After };

    /// <summary>The query as a caller writes it: its text, then its fields.</summary>
    public override string ToString() => string.Join(' ', Tokens.Concat(Fields.OrderBy(field => field.Key, StringComparer.Ordinal)
        .Select(field => $"{field.Key}:{Quote(field.Value)}")));

    private static string Quote(string value) => value.Contains(' ', StringComparison.Ordinal) ? $"\"{value}\"" : value;

    private static Refusal Refused(string sentence) => Refusal.InvalidQuery("q", sentence);

    private static SearchQuery Create(List<string> tokens)
    {
        var or = tokens.FindLastIndex(IsOr);
        var hasPrefix = tokens.Count > 0 && IsPrefix(tokens[^1]);
        return new SearchQuery
        {
            Tokens = tokens,
            Either = or < 0 ? "" : string.Join(' ', tokens.Take(or)),
            Words = string.Join(' ', tokens.Skip(or + 1).SkipLast(hasPrefix ? 1 : 0)),
            Prefix = hasPrefix ? $"'{tokens[^1]}':*" : "",
        };
    }

    private static bool IsOr(string token) => token.Equals(Or, StringComparison.OrdinalIgnoreCase);

    private static bool IsPlainWord(string token) => token.EnumerateRunes().All(Rune.IsLetter) && !IsOr(token);

    private static bool IsPrefix(string token) =>
        Characters.Count(token) >= ShortestPrefix && !IsOr(token) && token.EnumerateRunes().All(Rune.IsLetterOrDigit);

    /// <summary>Such a query finds almost everything, and no index helps.</summary>
    private static bool ExcludesOnly(List<string> tokens)
    {
        var (wanted, excluded) = (0, 0);
        foreach (var token in tokens.Append(Or))
        {
            if (IsOr(token) && wanted == 0 && excluded > 0)
                return true;
            if (IsOr(token))
                (wanted, excluded) = (0, 0);
            else if (!token.StartsWith('-'))
                wanted++;
            else if (token.Any(char.IsLetterOrDigit))
                excluded++;
        }

        return false;
    }
}
