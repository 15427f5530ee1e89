using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Caraway.Commands;

/// <summary>Options and arguments that are whole numbers. Their errors are sentences and do not name types of the program.</summary>
internal static class NumberOption
{
    public static Option<long?> Create(string name, string helpName, string description) =>
        new(name) { Description = description, HelpName = helpName, CustomParser = result => Parse(result, name) };

    public static Argument<long?> CreateArgument(string name, string description) =>
        new(name) { Description = description, Arity = ArgumentArity.ExactlyOne, CustomParser = result => Parse(result, name) };

    public static Argument<long[]> CreateArguments(string name, string description) => new(name)
    {
        Description = description,
        Arity = ArgumentArity.ZeroOrMore,
        CustomParser = result => [.. result.Tokens.Select(token => Parse(result, name, token.Value)).OfType<long>()],
    };

    private static long? Parse(ArgumentResult result, string name) =>
        result.Tokens.Count == 0 ? null : Parse(result, name, result.Tokens[0].Value);

    private static long? Parse(ArgumentResult result, string name, string text)
    {
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
            return number;
        result.AddError($"{name} must be a whole number; \"{text}\" is not.");
        return null;
    }
}
