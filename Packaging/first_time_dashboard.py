"""Opens the dashboard as a first-time user does: the start page, a machine, a VM, a log with a fault. Each view must
say what it has to, and write no error to the console.

    first_time_dashboard.py ORIGIN LOG
"""

import pathlib
import sys

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

SECONDS_MAX = 20
CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"


def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--window-size=1440,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(service=Service(DRIVER), options=options)


def says(driver, selector, words):
    """Waits until what the selector finds has the words."""
    def found(_):
        return any(words in one.text for one in driver.find_elements(By.CSS_SELECTOR, selector))
    wait = WebDriverWait(driver, SECONDS_MAX, ignored_exceptions=[StaleElementReferenceException])
    wait.until(found, f"{selector} does not say “{words}”")
    print(f"{selector} says “{words}”")


def main():
    origin, log = sys.argv[1], pathlib.Path(sys.argv[2]).read_text()
    driver = browser()
    try:
        driver.get(origin)
        says(driver, "nav", "Placement")
        driver.get(f"{origin}/#/space?platform=example-arm-juno")
        says(driver, ".lead .banner", "do not arrive")
        driver.get(f"{origin}/#/placement?vmm=qemu-virt")
        says(driver, ".lead .banner", "The default window works")
        driver.get(f"{origin}/#/faults")
        says(driver, "form button[type=submit]", "Explain")
        driver.find_element(By.CSS_SELECTOR, "#log").send_keys(log)
        driver.find_element(By.CSS_SELECTOR, "form button[type=submit]").click()
        says(driver, "#log-answer article", "0x8000040")
        driver.get(f"{origin}/docs")
        says(driver, "main h1", "iovad")
        errors = [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
        if errors:
            raise SystemExit("the console has errors:\n" + "\n".join(errors))
    finally:
        driver.quit()


if __name__ == "__main__":
    main()
