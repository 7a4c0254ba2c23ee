# usage: pwsh complete.ps1 COMPLETIONS LINE: prints what PowerShell offers at the end of that line.
param($Completions, $Line)

. (Join-Path $Completions 'k8s-token-cache.ps1')
Register-ArgumentCompleter -Native -CommandName 'a-plugin' -ScriptBlock {
    param($wordToComplete)
    '--verbose', '--volume' | Where-Object { $_.StartsWith($wordToComplete) }
}
(TabExpansion2 -inputScript $Line -cursorColumn $Line.Length).CompletionMatches.CompletionText
