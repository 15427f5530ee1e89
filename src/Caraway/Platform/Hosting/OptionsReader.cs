using System.ComponentModel.DataAnnotations;
using System.Globalization;

namespace Caraway.Platform.Hosting;

/// <summary>Reads a section of the configuration into its options. Every error names the setting as the operator wrote it.</summary>
internal static class OptionsReader
{
    /// <exception cref="CommandException">A value has the wrong form or is out of bounds.</exception>
    public static T Read<T>(IConfiguration configuration, string section)
        where T : new()
    {
        var wrong = new List<string>();
        foreach (var property in typeof(T).GetProperties().Where(property => property.CanWrite))
        {
            var key = $"{section}:{property.Name}";
            if (configuration[key] is { } text && !HasForm(text, property.PropertyType, out var form))
                wrong.Add($"{SettingNames.NameOf(key)} must be {form}.");
        }

        Refuse(wrong);
        var options = new T();
        configuration.GetSection(section).Bind(options);
        var invalid = new List<ValidationResult>();
        Validator.TryValidateObject(options, new ValidationContext(options), invalid, validateAllProperties: true);
        Refuse(invalid.ConvertAll(result => Describe(result, section)));
        return options;
    }

    private static void Refuse(List<string> sentences)
    {
        if (sentences.Count > 0)
            throw new CommandException(ExitCode.BadInput, string.Join(Environment.NewLine, sentences));
    }

    private static bool HasForm(string text, Type type, out string form)
    {
        var plain = Nullable.GetUnderlyingType(type) ?? type;
        if (plain == typeof(bool))
        {
            form = "true or false";
            return bool.TryParse(text, out _);
        }

        if (plain == typeof(double) || plain == typeof(decimal))
        {
            form = "a number";
            return double.TryParse(text, CultureInfo.InvariantCulture, out _);
        }

        form = "a whole number";
        return (plain != typeof(int) && plain != typeof(long))
            || (long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var number)
                && (plain == typeof(long) || number is >= int.MinValue and <= int.MaxValue));
    }

    /// <summary>The validation's own sentences begin with the name of a property. The operator knows the setting by another name.</summary>
    private static string Describe(ValidationResult result, string section)
    {
        var message = result.ErrorMessage ?? "This is not valid.";
        if (result.MemberNames.FirstOrDefault() is not { } member)
            return message;
        var name = SettingNames.NameOf($"{section}:{member}");
        var plain = message
            .Replace($"The field {member}", name, StringComparison.Ordinal)
            .Replace($"The {member} field", name, StringComparison.Ordinal);
        return plain.StartsWith(name, StringComparison.Ordinal) ? plain : $"{name}: {plain}";
    }
}
