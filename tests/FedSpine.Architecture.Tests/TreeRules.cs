using System.Text.RegularExpressions;

namespace FedSpine.Architecture.Tests;

/// <summary>The tree says where things live: fixed top level, namespaces that follow folders, telling names, short files.</summary>
public partial class TreeRules
{
    [Fact]
    public void The_top_level_is_the_design()
    {
        string[] expected = ["bench", "engine", "kernels", "managed-api", "tests"];
        var folders = Directory.EnumerateDirectories(Repository.Root).Select(Path.GetFileName).OfType<string>()
            .Where(name => !name.StartsWith('.') && name is not ("runs" or "TestResults" or "BenchmarkDotNet.Artifacts"));
        Assert.Equal(expected, folders.Order());
    }

    [Fact]
    public void Namespaces_follow_folders()
    {
        var wrong = new List<string>();
        foreach (var project in Repository.Projects.Values)
        {
            foreach (string path in Repository.SourceFiles.Where(f => f.StartsWith(project.Folder + Path.DirectorySeparatorChar, StringComparison.Ordinal)))
            {
                var match = Namespace().Match(File.ReadAllText(path));
                if (!match.Success)
                    continue; // top-level statements, assembly attributes
                string folder = Path.GetRelativePath(project.Folder, Path.GetDirectoryName(path)!);
                string expected = folder == "." ? project.Name : $"{project.Name}.{folder.Replace(Path.DirectorySeparatorChar, '.')}";
                if (match.Groups[1].Value != expected)
                    wrong.Add($"{Path.GetRelativePath(Repository.Root, path)}: {match.Groups[1].Value}, expected {expected}");
            }
        }

        Assert.Empty(wrong);
    }

    [Fact]
    public void No_type_is_named_after_nothing() => Assert.DoesNotContain(
        Repository.SourceFiles, path => VagueName().IsMatch(Path.GetFileNameWithoutExtension(path)));

    [Fact]
    public void Files_can_be_held_in_the_head() => Assert.DoesNotContain(
        Repository.SourceFiles.Select(path => (path, lines: File.ReadLines(path).Count())), f => f.lines > 500);

    [Fact]
    public void Versions_are_central() => Assert.DoesNotContain(
        Repository.Projects.Values.SelectMany(p => p.Xml.Descendants("PackageReference")), e => e.Attribute("Version") is not null);

    [Fact]
    public void Every_project_is_in_the_solution()
    {
        string solution = File.ReadAllText(Path.Combine(Repository.Root, "FedSpine.Engine.sln"));
        Assert.DoesNotContain(Repository.Projects.Keys, name => !solution.Contains($"\"{name}\"", StringComparison.Ordinal));
    }

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex("(Helper|Helpers|Manager|Util|Utils|Utilities)$")]
    private static partial Regex VagueName();
}
